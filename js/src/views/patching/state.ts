import type { Links, Patches, PatchingKept, PatchingPayload, Status } from "../../contract.gen";
import type { At } from "../../shared/grid/types";
import { clamp } from "../../shared/keys";
import type { Shown } from "../../shared/links";

/** `feature` and `prompt` are what other views select: kept as they are. */
export interface State extends Shown {
	payload: PatchingPayload | null;
	patches: Patches;
	status: Status;
	links: Links;
	/** How many changes of the selection were made in this view. */
	edits: number;
	grid: number;
	beyond: boolean;
	panelOpen: boolean;
	tableOpen: boolean;
	/** Cells by data row and column: where the keyboard is, the pointer, the open pop-over. */
	cursor: At;
	hover: At | null;
	open: At | null;
	/** The token of the other prompt that the next cell is patched from. */
	source: number | null;
	/** Runs of the history that are compared, at most two. */
	compared: readonly number[];
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: PatchingPayload | null }
	| { type: "patches"; patches: Patches }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: PatchingKept }
	| { type: "grid"; grid: number }
	| { type: "press"; at: At | null }
	| { type: "hover"; at: At | null }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" | "beyond" }
	/** What the second part of the code found out. */
	| { type: "set"; change: Partial<State> };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };
export const NO_PATCHES: Patches = {
	...{ can_run: false, can_restore: false, runs: [], outputs: [], restored: null, note: "" },
	...{ clean_top: [], corrupted_top: [] },
};

export const initial: State = {
	payload: null,
	patches: NO_PATCHES,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	edits: 0,
	grid: 0,
	beyond: false,
	panelOpen: false,
	tableOpen: false,
	cursor: [0, 0],
	hover: null,
	open: null,
	source: null,
	compared: [],
	offline: false,
};

/** The grid on screen. */
export const gridOf = ({ payload, grid }: State) =>
	payload?.grids[clamp(grid, 0, payload.grids.length - 1)];

export const same = (a: At | null, b: At | null): boolean =>
	a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1]);

/** Of a grid of heads the heads, of one of positions the layer and the position. */
function selecting(state: State, at: At | null): State {
	const grid = gridOf(state);
	if (!grid) return state;
	const [layer, column] = at ? [grid.layers[at[0]], grid.columns[at[1]]] : [];
	const none = layer === undefined || column === undefined;
	const part: Partial<State> =
		grid.by === "head"
			? { heads: none ? [] : [[layer, column]] }
			: grid.by === "neuron"
				? { layer: none ? null : layer, feature: none ? null : column }
				: { layer: none ? null : layer, tokens: none ? [] : [column], lost: [] };
	return { ...state, ...part, edits: state.edits + 1 };
}

/** The cells that are selected, wherever that was done. */
export function selectedCells(state: State): At[] {
	const grid = gridOf(state);
	if (!grid) return [];
	const { layers, columns } = grid;
	const pairs: (readonly [number, number])[] =
		grid.by === "head"
			? [...state.heads]
			: grid.by === "neuron"
				? [[state.layer ?? -1, state.feature ?? -1]]
				: state.tokens.map((token) => [state.layer ?? -1, token] as const);
	return pairs
		.map(([layer, column]): At => [layers.indexOf(layer), columns.indexOf(column)])
		.filter(([row, column]) => row >= 0 && column >= 0);
}

function onPress(state: State, at: At | null): State {
	return selecting({ ...state, cursor: at ?? state.cursor, hover: null, open: at }, at);
}

function onPayload(state: State, payload: PatchingPayload | null): State {
	const next = { ...state, payload };
	const grid = gridOf(next);
	const [rows, columns] = [grid?.layers.length ?? 1, grid?.columns.length ?? 1];
	const [row, column] = state.cursor;
	const cursor: At = [Math.min(row, rows - 1), Math.min(column, columns - 1)];
	const { open, source } = state;
	const gone = !open || open[0] >= rows || open[1] >= columns;
	const lost = source !== null && source >= (grid?.source.length ?? 0);
	return { ...next, cursor, hover: null, open: gone ? null : open, source: lost ? null : source };
}

function onSelection(state: State, selection: Shown): State {
	const { heads, tokens, layer, feature, prompt, lost } = selection;
	const next = { ...state, heads, tokens, layer, feature, prompt, lost };
	const [cell] = selectedCells(next).slice(-1);
	return cell ? { ...next, cursor: cell } : next;
}

export function reduce(state: State, action: Action): State {
	switch (action.type) {
		case "payload":
			return onPayload(state, action.payload);
		case "patches": {
			const { patches } = action;
			const compared = state.compared.filter((number) => number < patches.runs.length);
			return { ...state, patches, compared };
		}
		case "status":
			return { ...state, status: action.status };
		case "selection":
			return onSelection(state, action.selection);
		case "links":
			return { ...state, links: action.links };
		case "told":
			return action.offline === state.offline ? state : { ...state, offline: action.offline };
		case "kept": {
			const { grid, beyond, panel_open, table_open } = action.kept;
			return { ...state, grid, beyond, panelOpen: panel_open, tableOpen: table_open };
		}
		case "grid":
			return action.grid === state.grid
				? state
				: { ...onPayload({ ...state, grid: action.grid }, state.payload), open: null };
		case "press":
			return onPress(state, action.at);
		case "hover":
			return same(action.at, state.hover) ? state : { ...state, hover: action.at };
		case "toggle":
			return { ...state, [action.what]: !state[action.what] };
		case "set":
			return { ...state, ...action.change };
	}
}
