import type { Links, ProbeKept, ProbePayload, Status } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import type { Shown } from "../../shared/links";
import { bytesOf } from "../../shared/tensor";

export interface State extends Shown {
	payload: ProbePayload | null;
	status: Status;
	links: Links;
	edits: number;
	kept: ProbeKept;
	/** The layer under the pointer, by index. */
	hover: number | null;
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: ProbePayload | null }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: Partial<ProbeKept> }
	| { type: "layer"; index: number }
	| { type: "hover"; index: number | null }
	| { type: "token"; position: number; add: boolean };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	edits: 0,
	kept: {
		...{ embed: false, method: 0, position: 0, metric: 0, part: 0, output: 0, threshold: 0 },
		...{ panel_open: false, table_open: false },
	},
	hover: null,
	offline: false,
};

/** Which of the probes is on screen: method × position rule. */
export function chosenProbe({ payload, kept }: State): number {
	const positions = payload?.positions.length ?? 1;
	const method = clamp(kept.method, 0, (payload?.methods.length ?? 1) - 1);
	return method * positions + clamp(kept.position, 0, positions - 1);
}

/** The layer on screen, by index: the selected one, else the best. */
export function chosenLayer(state: State): number {
	const { payload, layer, kept } = state;
	if (!payload) return 0;
	const selected = layer === null ? -1 : payload.layers.indexOf(layer);
	if (selected >= 0) return selected;
	const embed = kept.embed && layer === null ? payload.layers.indexOf(-1) : -1;
	return embed >= 0 ? embed : (payload.best[chosenProbe(state)] ?? 0);
}

const floats = (data: Parameters<typeof bytesOf>[0]): Float32Array => {
	const bytes = bytesOf(data);
	return new Float32Array(bytes.slice().buffer);
};

const decoded = new WeakMap<object, Float32Array>();

/** float32 numbers of an object of the payload, decoded once. */
export function numbersOf(one: { data: Parameters<typeof bytesOf>[0] }): Float32Array {
	const known = decoded.get(one) ?? floats(one.data);
	decoded.set(one, known);
	return known;
}

/** Scores and targets of the texts on screen, at the layer on screen. */
export interface Read {
	/** One a text: of the class on screen. */
	score: number[];
	target: number[];
	/** All outputs, text by text. */
	all: number[][];
}

/** Null while the scores of this probe are not here. */
export function readOf(state: State): Read | null {
	const { payload, kept } = state;
	const held = payload?.scores.find(({ probe }) => probe === chosenProbe(state));
	if (!payload || !held) return null;
	const values = numbersOf(held);
	const count = payload.part.length;
	const outputs = values.length / (payload.layers.length * count) || 1;
	const output = outputs > 1 ? clamp(kept.output, 0, outputs - 1) : 0;
	const first = chosenLayer(state) * count * outputs;
	const read: Read = { score: [], target: [], all: [] };
	for (let text = 0; text < count; text++) {
		const at = first + text * outputs;
		const all = [...values.subarray(at, at + outputs)];
		if (payload.part[text] !== kept.part || !all.every(Number.isFinite)) continue;
		const target = payload.target[text] ?? 0;
		read.score.push(all[output] as number);
		read.target.push(outputs > 1 ? Number(target === output) : target);
		read.all.push(all);
	}
	return read;
}

function onToken(state: State, position: number, add: boolean): State {
	const others = state.tokens.filter((token) => token !== position);
	const again = others.length < state.tokens.length;
	const tokens = add ? [...others, ...(again ? [] : [position])] : again ? [] : [position];
	return { ...state, tokens, lost: [], edits: state.edits + 1 };
}

export function reduce(state: State, action: Action): State {
	switch (action.type) {
		case "payload":
			return { ...state, payload: action.payload };
		case "status":
			return { ...state, status: action.status };
		case "links":
			return { ...state, links: action.links };
		case "selection":
			return { ...state, ...action.selection };
		case "told":
			return { ...state, offline: action.offline };
		case "kept":
			return { ...state, kept: { ...state.kept, ...action.kept } };
		case "hover":
			return state.hover === action.index ? state : { ...state, hover: action.index };
		case "layer": {
			const layers = state.payload?.layers ?? [];
			const layer = layers[clamp(action.index, 0, layers.length - 1)];
			if (layer === undefined) return state;
			const kept = { ...state.kept, embed: layer < 0 };
			const picked = layer < 0 ? null : layer;
			return { ...state, kept, layer: picked, edits: state.edits + 1 };
		}
		case "token":
			return onToken(state, action.position, action.add);
	}
}
