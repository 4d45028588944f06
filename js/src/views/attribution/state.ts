import type { AttributionKept, AttributionPayload, Links, Status } from "../../contract.gen";
import type { Shown } from "../../shared/links";
import { type Entry, entriesOf, placeOf } from "./entries";

/** `feature` and `prompt` are what other views select: kept as they are. */
export interface State extends Shown {
	payload: AttributionPayload | null;
	status: Status;
	links: Links;
	/** How many changes of the selection were made in this view. */
	edits: number;
	/** Rows of the picture, from the top. */
	cursor: number;
	hover: number | null;
	by: string;
	order: "size" | "layer";
	every: boolean;
	panelOpen: boolean;
	tableOpen: boolean;
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: AttributionPayload | null }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: AttributionKept }
	| { type: "press"; row: number; add?: boolean }
	| { type: "token"; head: readonly [number, number]; position: number }
	| { type: "move"; to: number }
	| { type: "hover"; row: number | null }
	| { type: "by"; by: string }
	| { type: "order"; order: State["order"] }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" | "every" }
	| { type: "escape" };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	...{ edits: 0, cursor: 0, hover: null, by: "head", order: "size", every: false },
	...{ panelOpen: false, tableOpen: false, offline: false },
};

/** The row that is read: under the pointer, else the last one selected, else the largest. */
export function activeRow(state: State, entries: readonly Entry[]): number {
	if (state.hover !== null && entries[state.hover]) return state.hover;
	const selected = entries.findLastIndex((entry) => entry.selected);
	if (selected >= 0) return selected;
	const sizes = entries.map(({ value, rest }) => (rest ? -1 : Math.abs(value)));
	return sizes.indexOf(Math.max(...sizes));
}

type Parts = Partial<Pick<State, "heads" | "tokens" | "layer">>;

function select(state: State, parts: Parts): State {
	const next = { ...state, ...parts };
	const key = ({ heads, tokens, layer }: State) => JSON.stringify([heads, tokens, layer]);
	return key(next) === key(state) ? state : { ...next, lost: [], edits: state.edits + 1 };
}

function toggled(heads: State["heads"], head: readonly [number, number]): State["heads"] {
	const others = heads.filter((one) => String(one) !== String(head));
	return others.length < heads.length ? others : [...others, head];
}

/** A head opens in the other views; a layer is selected there; the others unfold. */
function onPress(state: State, row: number, add = false): State {
	const entry = entriesOf(state)[row];
	if (!entry) return state;
	const moved = { ...state, cursor: row };
	if (entry.rest) return entry.rest === "others" ? { ...moved, every: true } : moved;
	const { kind, layer, index, pos } = placeOf(entry);
	const head = [layer, index] as const;
	if (kind === "head") return select(moved, { heads: add ? toggled(state.heads, head) : [head] });
	if (kind === "source") return select(moved, { heads: [head], tokens: [pos] });
	return layer < 0 ? moved : select(moved, { layer });
}

function onEscape(state: State): State {
	if (state.hover !== null) return { ...state, hover: null };
	const cleared = select(state, { heads: [], tokens: [], layer: null });
	if (cleared !== state) return cleared;
	if (state.tableOpen) return { ...state, tableOpen: false };
	return { ...state, panelOpen: false };
}

export function reduce(state: State, action: Action): State {
	switch (action.type) {
		case "payload":
			return { ...state, payload: action.payload, hover: null };
		case "status":
			return { ...state, status: action.status };
		case "selection":
			return { ...state, ...action.selection };
		case "links":
			return { ...state, links: action.links };
		case "told":
			return action.offline === state.offline ? state : { ...state, offline: action.offline };
		case "kept": {
			const { by, order, every, panel_open, table_open } = action.kept;
			return { ...state, by, order, every, panelOpen: panel_open, tableOpen: table_open };
		}
		case "press":
			return onPress(state, action.row, action.add);
		case "token":
			return select(state, { heads: [action.head], tokens: [action.position] });
		case "move":
			return { ...state, cursor: action.to, hover: action.to };
		case "hover":
			return action.row === state.hover ? state : { ...state, hover: action.row };
		case "by":
			return { ...state, by: action.by, cursor: 0, hover: null };
		case "order":
			return { ...state, order: action.order, cursor: 0, hover: null };
		case "toggle":
			return { ...state, [action.what]: !state[action.what], hover: null };
		case "escape":
			return onEscape(state);
	}
}
