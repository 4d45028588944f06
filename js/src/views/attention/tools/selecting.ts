import { clamp } from "../../../shared/keys";
import {
	type Change,
	chosenQuery,
	type HeadId,
	held,
	NO_HOVER,
	type State,
	sameHead,
} from "../state";

export type How = "one" | "range" | "toggle";

/** Shift: a range. WireControl or command: one more, or one less. */
export const howOf = (event: MouseEvent | KeyboardEvent): How =>
	event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "one";

/** A head alone, or one more or less; the only one stays. */
export function withHead(state: State, head: HeadId, add: boolean): Change {
	if (!state.payload || !held(state.payload, head)) return {};
	const others = state.heads.filter((other) => !sameHead(other, head));
	const removed = others.length > 0 && others.length < state.heads.length;
	const heads = add ? (removed ? others : [...others, head]) : [head];
	const fetch = new Map(state.fetch); // one that was absent is asked for again
	if (fetch.get(String(head))?.phase === "absent") fetch.delete(String(head));
	return { heads, fetch, edits: state.edits + 1 };
}

function range(from: number, to: number): number[] {
	const step = to < from ? -1 : 1;
	return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + i * step);
}

/** A token alone, one more or less, or all from where the last click was; the last is the query. */
export function withToken(state: State, to: number, how: How): Change {
	const count = state.payload?.tokens.length ?? 0;
	if (count === 0) return {};
	const position = clamp(to, 0, count - 1);
	const anchor = clamp(
		how === "range" ? (state.anchor ?? chosenQuery(state)) : position,
		0,
		count - 1,
	);
	const others = state.tokens.filter((token) => token !== position);
	const removed = others.length > 0 && others.length < state.tokens.length;
	const toggled = removed ? others : [...others, position];
	const tokens = how === "toggle" ? toggled : range(anchor, position);
	if (String(tokens) === String(state.tokens)) return {};
	return { tokens, anchor, lost: [], hover: NO_HOVER, edits: state.edits + 1 };
}

export const moved = (state: State, by: number, how: How): Change =>
	withToken(state, chosenQuery(state) + by, how === "range" ? "range" : "one");

/** What Escape closes: the pair that is read, the table, the panel, the zoom. */
export function escaped(state: State): Change {
	if (state.hover[0] !== null) return { hover: NO_HOVER };
	if (state.tableOpen) return { tableOpen: false };
	if (state.panelOpen) return { panelOpen: false };
	return { zoom: null };
}

/** The first head and the last token, the whole map, thumbnails by layer. */
export const reset = (state: State): Change => ({
	...{ heads: [], tokens: [], lost: [], anchor: null, layer: null, feature: null },
	...{ zoom: null, hover: NO_HOVER, tableOpen: false, edits: state.edits + 1 },
	...{ sorted: false, fit: null, unmasked: false },
});
