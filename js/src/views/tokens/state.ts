import type { Links, Status, TokensKept, TokensPayload } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import type { Shown } from "../../shared/links";

/** What the kernel said about the row that is being fetched. */
export type Fetch = { row: number; message: string };

/** `heads`, `layer`, `feature` and `prompt` are what other views select: kept as they are. */
export interface State extends Shown {
	payload: TokensPayload | null;
	status: Status;
	links: Links;
	/** How many changes of the selection were made in this view. */
	edits: number;
	/** Where a range begins, and where the keyboard is. */
	anchor: number;
	cursor: number;
	hover: number | null;
	row: number;
	panelOpen: boolean;
	tableOpen: boolean;
	byValue: boolean;
	most: number | null;
	fetch: Fetch | null;
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: TokensPayload | null }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: TokensKept }
	| { type: "press"; position: number; extend?: boolean; add?: boolean }
	| { type: "move"; to: number; extend: boolean }
	| { type: "take" }
	| { type: "hover"; position: number | null }
	| { type: "row"; row: number }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" | "byValue" }
	| { type: "fetch"; fetch: Fetch | null; offline?: boolean }
	| { type: "escape" };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	edits: 0,
	anchor: 0,
	cursor: 0,
	hover: null,
	row: 0,
	panelOpen: false,
	tableOpen: false,
	byValue: false,
	most: null,
	fetch: null,
	offline: false,
};

const lengthOf = (state: State): number => state.payload?.tokens.length ?? 0;

export const rowCount = ({ rows, row_axes: axes }: TokensPayload): number =>
	axes.length ? axes.reduce((count, { labels }) => count * labels.length, 1) : rows.length;

/** Which member of each axis a row is of; the last axis varies fastest. */
export function membersOf({ row_axes: axes }: TokensPayload, row: number): number[] {
	const members: number[] = [];
	let rest = row;
	for (const { labels } of axes.toReversed()) {
		members.unshift(rest % labels.length);
		rest = Math.floor(rest / labels.length);
	}
	return members;
}

export const rowAt = ({ row_axes: axes }: TokensPayload, members: readonly number[]): number =>
	axes.reduce((row, { labels }, i) => row * labels.length + (members[i] ?? 0), 0);

export function rowName(payload: TokensPayload, row: number): string {
	if (!payload.row_axes.length) return payload.rows[row] ?? "";
	const members = membersOf(payload, row);
	const name = ({ name, labels }: { name: string; labels: string[] }, i: number) =>
		`${name} ${labels[members[i] ?? 0] ?? ""}`;
	return payload.row_axes.map(name).join(", ");
}

/** The row on screen. */
export const chosenRow = ({ payload, row }: State): number =>
	payload ? clamp(row, 0, rowCount(payload) - 1) : 0;

/** The position that is read: under the pointer, else the last one selected. */
export function activePosition(state: State): number | null {
	const last = state.tokens.findLast((token) => token < lengthOf(state));
	return state.hover ?? last ?? null;
}

/** From where it began: the last one is where the person is. */
function range(from: number, to: number): number[] {
	const step = to < from ? -1 : 1;
	return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + i * step);
}

function withTokens(state: State, tokens: readonly number[]): State {
	if (String(tokens) === String(state.tokens)) return state;
	return { ...state, tokens, lost: [], edits: state.edits + 1 };
}

function onPress(state: State, position: number, extend = false, add = false): State {
	if (position < 0 || position >= lengthOf(state)) return state;
	if (extend) {
		return withTokens({ ...state, cursor: position }, range(state.anchor, position));
	}
	const moved = { ...state, anchor: position, cursor: position };
	if (!add) return withTokens(moved, [position]);
	const others = state.tokens.filter((token) => token !== position);
	const known = others.length < state.tokens.length;
	return withTokens(moved, known ? others : [...others, position]);
}

function onMove(state: State, to: number, extend: boolean): State {
	const count = lengthOf(state);
	if (!count) return state;
	const cursor = clamp(to, 0, count - 1);
	if (extend) return onPress(state, cursor, true);
	return { ...state, cursor, anchor: cursor, hover: cursor };
}

function onPayload(state: State, payload: TokensPayload | null): State {
	const last = Math.max(0, (payload?.tokens.length ?? 0) - 1);
	const [cursor, anchor] = [Math.min(state.cursor, last), Math.min(state.anchor, last)];
	return { ...state, payload, cursor, anchor, hover: null, fetch: null };
}

function onSelection(state: State, { tokens, ...others }: Shown): State {
	const { heads, layer, feature, prompt, lost } = others;
	const moved = { cursor: tokens.at(-1) ?? state.cursor, anchor: tokens[0] ?? state.anchor };
	return { ...state, ...moved, tokens, heads, layer, feature, prompt, lost };
}

function onEscape(state: State): State {
	if (state.hover !== null) return { ...state, hover: null };
	if (state.tokens.length) return withTokens(state, []);
	if (state.tableOpen) return { ...state, tableOpen: false };
	return { ...state, panelOpen: false };
}

export function reduce(state: State, action: Action): State {
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
			const { row, panel_open, table_open, by_value, most } = action.kept;
			const open = { panelOpen: panel_open, tableOpen: table_open, byValue: by_value };
			return { ...state, ...open, row, most };
		}
		case "press":
			return onPress(state, action.position, action.extend, action.add);
		case "move":
			return onMove(state, action.to, action.extend);
		case "take":
			return onPress(state, state.cursor);
		case "hover":
			return action.position === state.hover ? state : { ...state, hover: action.position };
		case "row": {
			const row = state.payload ? clamp(action.row, 0, rowCount(state.payload) - 1) : 0;
			return row === state.row ? state : { ...state, row, fetch: null };
		}
		case "toggle":
			return { ...state, [action.what]: !state[action.what] };
		case "fetch":
			return { ...state, fetch: action.fetch, offline: action.offline ?? state.offline };
		case "escape":
			return onEscape(state);
	}
}
