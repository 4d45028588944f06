import type { AttentionPayload, Kept, Selection, Status } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import { allTokens, within, type Zoom } from "./zoom";

export type HeadId = readonly [layer: number, head: number];

/** What the kernel said about the head that is being fetched. */
export type Fetch = { head: string; phase: "loading" | "waiting" | "absent"; message: string };

export interface State {
	payload: AttentionPayload | null;
	status: Status;
	heads: readonly HeadId[];
	tokens: readonly number[];
	revision: number;
	/** Local changes of the selection made, and how many Python has answered. */
	edits: number;
	answered: number;
	incoming: Selection | null;
	hover: { query: number | null; key: number | null };
	zoom: Zoom | null;
	panelOpen: boolean;
	tableOpen: boolean;
	byWeight: boolean;
	fetch: Fetch | null;
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: AttentionPayload | null }
	| { type: "status"; status: Status }
	| { type: "selection"; selection: Selection }
	| { type: "answered"; edit: number; offline: boolean }
	| { type: "kept"; kept: Kept }
	| { type: "head"; head: HeadId; add: boolean }
	| { type: "query"; query: number }
	| { type: "move"; by: number }
	| { type: "hover"; query: number | null; key: number | null }
	| { type: "zoom"; zoom: Zoom | null }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" | "byWeight" }
	| { type: "fetch"; fetch: Fetch | null; offline?: boolean }
	| { type: "escape" }
	| { type: "reset" };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };
const NO_HOVER = { query: null, key: null };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	heads: [],
	tokens: [],
	revision: -1,
	edits: 0,
	answered: 0,
	incoming: null,
	hover: NO_HOVER,
	zoom: null,
	panelOpen: false,
	tableOpen: false,
	byWeight: true,
	fetch: null,
	offline: false,
};

export const sameHead = (a: HeadId, b: HeadId): boolean => a[0] === b[0] && a[1] === b[1];

const held = (payload: AttentionPayload, [layer, head]: HeadId): boolean =>
	payload.layer_runs[payload.layers.indexOf(layer)] != null && payload.heads.includes(head);

/** The head drawn large: the last one selected that has numbers, else the first that has. */
export function chosen({ payload, heads }: State): HeadId | null {
	if (!payload) return null;
	const last = heads.findLast((head) => held(payload, head));
	if (last) return last;
	const layer = payload.layers.find((_, i) => payload.layer_runs[i] != null);
	const head = payload.heads[0];
	return layer === undefined || head === undefined ? null : [layer, head];
}

/** The query whose row is read: the last one selected, else the last token. */
export function chosenQuery({ payload, tokens }: State): number {
	const count = payload?.tokens.length ?? 0;
	return tokens.findLast((token) => token < count) ?? count - 1;
}

function withHead(state: State, head: HeadId, add: boolean): readonly HeadId[] {
	if (!add) return [head];
	const others = state.heads.filter((other) => !sameHead(other, head));
	const removed = others.length > 0 && others.length < state.heads.length;
	return removed ? others : [...others, head];
}

function withQuery(state: State, to: number): State {
	const count = state.payload?.tokens.length ?? 0;
	const query = clamp(to, 0, count - 1);
	if (count === 0 || query === chosenQuery(state)) return state;
	return { ...state, tokens: [query], edits: state.edits + 1, hover: NO_HOVER };
}

function onPayload(state: State, payload: AttentionPayload | null): State {
	const count = payload?.tokens.length;
	const same = count !== undefined && count === state.payload?.tokens.length;
	const kept = same || state.payload === null; // a zoom from `kept` comes before the first payload
	const zoom = kept && count && state.zoom ? within(state.zoom, count) : null;
	return { ...state, payload, zoom, hover: NO_HOVER, fetch: null };
}

function onSelection(state: State, selection: Selection): State {
	if (selection.revision <= state.revision) return state;
	if (state.answered < state.edits) return { ...state, incoming: selection };
	const { heads, tokens, revision } = selection;
	return { ...state, heads, tokens, revision, incoming: null };
}

function onAnswered(state: State, edit: number, offline: boolean): State {
	const next = { ...state, answered: Math.max(state.answered, edit), offline };
	return next.incoming ? onSelection({ ...next, incoming: null }, next.incoming) : next;
}

function onEscape(state: State): State {
	if (state.hover.query !== null) return { ...state, hover: NO_HOVER };
	if (state.tableOpen) return { ...state, tableOpen: false };
	if (state.panelOpen) return { ...state, panelOpen: false };
	return { ...state, zoom: null };
}

export function reduce(state: State, action: Action): State {
	const count = state.payload?.tokens.length ?? 0;
	switch (action.type) {
		case "payload":
			return onPayload(state, action.payload);
		case "status":
			return { ...state, status: action.status };
		case "selection":
			return onSelection(state, action.selection);
		case "answered":
			return onAnswered(state, action.edit, action.offline);
		case "kept": {
			const { zoom, panel_open: panelOpen, table_open: tableOpen } = action.kept;
			return { ...state, zoom, panelOpen, tableOpen };
		}
		case "head": {
			if (!state.payload || !held(state.payload, action.head)) return state;
			const heads = withHead(state, action.head, action.add);
			return { ...state, heads, edits: state.edits + 1, fetch: null };
		}
		case "query":
			return withQuery(state, action.query);
		case "move":
			return withQuery(state, chosenQuery(state) + action.by);
		case "hover": {
			const { query, key } = action;
			if (query === state.hover.query && key === state.hover.key) return state;
			return { ...state, hover: { query, key } };
		}
		case "zoom": {
			const zoom = action.zoom && within(action.zoom, count);
			return { ...state, zoom: zoom && allTokens(zoom, count) ? null : zoom };
		}
		case "toggle":
			return { ...state, [action.what]: !state[action.what] };
		case "fetch":
			return { ...state, fetch: action.fetch, offline: action.offline ?? state.offline };
		case "escape":
			return onEscape(state);
		case "reset":
			return {
				...state,
				heads: [],
				tokens: [],
				zoom: null,
				hover: NO_HOVER,
				tableOpen: false,
				edits: state.edits + 1,
			};
	}
}
