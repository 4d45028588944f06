import type { LensKept, LensPayload, LensPin, Links, Status } from "../../contract.gen";
import type { At } from "../../shared/grid/types";
import type { Shown } from "../../shared/links";

export type Measure = LensKept["measure"];

/** `heads`, `feature` and `prompt` are what other views select: kept as they are. */
export interface State extends Shown {
	payload: LensPayload | null;
	status: Status;
	links: Links;
	/** How many changes of the selection were made in this view. */
	edits: number;
	/** Rows count from the top: the last layer is row 0. */
	cursor: At | null;
	hover: At | null;
	/** The selected cell is opened. */
	open: boolean;
	measure: Measure;
	/** The token that cells are coloured by; null: the one shown in each. */
	of: number | null;
	pins: readonly LensPin[];
	/** Cells are wide enough for words; the grid then scrolls. */
	words: boolean;
	panelOpen: boolean;
	tableOpen: boolean;
	/** What the kernel said of what is fetched. */
	fetch: string;
	offline: boolean;
}

/** What only the second part of the view's code does. */
export type Edit =
	| { type: "name"; kind: "row" | "column"; index: number }
	| { type: "move"; by: At }
	| { type: "take" }
	| { type: "pin"; at?: At }
	| { type: "unpin"; index: number }
	| { type: "measure"; measure: Measure }
	| { type: "of"; of: number | null }
	| { type: "fetch"; message: string; offline?: boolean }
	| { type: "escape" };

export type Action =
	| Edit
	| { type: "payload"; payload: LensPayload | null }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: LensKept }
	| { type: "press"; at: At }
	| { type: "hover"; at: At | null }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" | "words" };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	edits: 0,
	cursor: null,
	hover: null,
	open: false,
	measure: "probability",
	of: null,
	pins: [],
	words: false,
	panelOpen: false,
	tableOpen: false,
	fetch: "",
	offline: false,
};

export const countOf = ({ payload }: State): At => [
	payload?.layers.length ?? 0,
	payload?.tokens.length ?? 0,
];

/** The layer number of a row, and the row of a layer number; −1: it is not held. */
export const layerOf = ({ layers }: LensPayload, row: number): number =>
	layers[layers.length - 1 - row] ?? -1;
export function rowOf({ layers }: LensPayload, layer: number | null): number {
	const at = layer === null ? -1 : layers.indexOf(layer);
	return at < 0 ? -1 : layers.length - 1 - at;
}

/** The selected cells; none where only a layer or only tokens are selected. */
export function selectedCells({ payload, layer, tokens }: State): At[] {
	const row = payload ? rowOf(payload, layer) : -1;
	const count = payload?.tokens.length ?? 0;
	return row < 0 ? [] : tokens.filter((token) => token < count).map((token) => [row, token]);
}

/** Pinned cells that this run has: the same layer, and the same word there. */
export function pinnedCells({ payload, pins }: State): At[] {
	if (!payload) return [];
	return pins
		.filter(({ position, text }) => payload.tokens[position]?.text === text)
		.map(({ layer, position }): At => [rowOf(payload, layer), position])
		.filter(([row]) => row >= 0);
}

/** The position whose predictions are read in detail: the last selected, else the last one. */
export function shownPosition(state: State): number {
	const [, count] = countOf(state);
	return state.tokens.findLast((token) => token < count) ?? Math.max(0, count - 1);
}

/** The place of a token among those that are followed; −1: it is none. */
export const targetOf = ({ payload }: State, id: number | null): number =>
	payload?.targets.findIndex((target) => target.id === id) ?? -1;

/** What cells can be coloured by now: a measure, and which target's; −1: the token shown. */
export function shownMeasure(state: State): { measure: Measure; target: number } {
	const { payload, measure } = state;
	const target = targetOf(state, state.of);
	if (measure === "rank" && payload?.targets.length)
		return { measure, target: Math.max(0, target) };
	if (measure === "entropy" || measure === "kl") return { measure, target: -1 };
	if (!payload?.k && target < 0) return { measure: "entropy", target: -1 };
	return { measure: "probability", target };
}

export function withCells(state: State, layer: number | null, tokens: readonly number[]): State {
	if (layer === state.layer && String(tokens) === String(state.tokens)) return state;
	return { ...state, layer, tokens, lost: [], edits: state.edits + 1 };
}

export function inside(state: State, [row, column]: At): boolean {
	const [rows, columns] = countOf(state);
	return row >= 0 && column >= 0 && row < rows && column < columns;
}

export function onPress(state: State, at: At): State {
	const { payload } = state;
	if (!payload || !inside(state, at)) return state;
	const moved = { ...state, cursor: at };
	const again = String(selectedCells(state)) === String(at);
	return { ...withCells(moved, layerOf(payload, at[0]), [at[1]]), open: !(again && state.open) };
}

function onPayload(state: State, payload: LensPayload | null): State {
	const next = { ...state, payload, hover: null, fetch: "" };
	const kept = next.cursor && inside(next, next.cursor) ? next.cursor : null;
	return { ...next, cursor: kept, open: next.open && selectedCells(next).length > 0 };
}

function onSelection(state: State, selection: Shown): State {
	const next = { ...state, ...selection };
	const same = String(selectedCells(next)) === String(selectedCells(state));
	return { ...next, open: state.open && same };
}

/** A state after an action; `edit` is what the second part of the code does. */
export function reduce(
	state: State,
	action: Action,
	edit: (state: State, action: Edit) => State = (same) => same,
): State {
	switch (action.type) {
		case "payload":
			return onPayload(state, action.payload);
		case "status":
			return { ...state, status: action.status };
		case "selection":
			return onSelection(state, action.selection);
		case "links":
			return { ...state, links: action.links };
		case "told":
			return action.offline === state.offline ? state : { ...state, offline: action.offline };
		case "kept": {
			const { panel_open, table_open, ...kept } = action.kept;
			return { ...state, ...kept, panelOpen: panel_open, tableOpen: table_open };
		}
		case "press":
			return onPress(state, action.at);
		case "hover":
			return String(action.at) === String(state.hover) ? state : { ...state, hover: action.at };
		case "toggle":
			return { ...state, [action.what]: !state[action.what] };
		default:
			return edit(state, action);
	}
}
