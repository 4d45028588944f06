import type { HeadBoardKept, HeadBoardPayload, Links, Status } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import type { Shown } from "../../shared/links";
import type { Column, Numbers } from "./numbers";

export type HeadId = readonly [layer: number, head: number];
export type Kind = HeadBoardKept["kind"];
export type Mode = HeadBoardKept["mode"];

/** Heads on one page of the table. */
export const PAGE = 24;

/** `tokens`, `feature` and `prompt` are what other views select: kept as they are. */
export interface State extends Shown {
	payload: HeadBoardPayload | null;
	status: Status;
	links: Links;
	/** How many changes of the selection were made in this view. */
	edits: number;
	/** Where the keyboard is: a row of the page. */
	cursor: number;
	page: number;
	/** The column that the table is sorted by; empty: by layer and head. */
	sort: string;
	ascending: boolean;
	/** The one layer of the table; null: all. */
	only: number | null;
	/** Only heads beyond the control of some column, or of the one sorted by. */
	beyond: boolean;
	kind: Kind;
	/** Two layers drawn head by head, where there are too many heads for all pairs. */
	block: readonly [layer: number, to: number] | null;
	mode: Mode;
	/** Ticked, while the run that shows it is under way. */
	wanted: readonly HeadId[] | null;
	panelOpen: boolean;
	tableOpen: boolean;
	/** What the kernel said of the eigenvalues, or of the two layers, that are asked for. */
	fetch: string;
	offline: boolean;
}

export type Change = Partial<State>;

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	...{ payload: null, status: NOT_RUN, links: { group: "", warning: "" } },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	...{ edits: 0, cursor: 0, page: 0, sort: "", ascending: false, only: null, beyond: false },
	...{ kind: "k", block: null, mode: "zero", wanted: null },
	...{ panelOpen: false, tableOpen: false, fetch: "", offline: false },
};

export const sameHead = (a: HeadId, b: HeadId): boolean => a[0] === b[0] && a[1] === b[1];
export const headName = ([layer, head]: HeadId): string => `L${layer} H${head}`;

export const headAt = ({ layers, heads }: HeadBoardPayload, place: number): HeadId => [
	layers[Math.floor(place / heads)] ?? 0,
	place % heads,
];

export const placeOf = ({ layers, heads }: HeadBoardPayload, [layer, head]: HeadId): number =>
	layers.indexOf(layer) * heads + head;

export const has = (payload: HeadBoardPayload, [layer, head]: HeadId): boolean =>
	payload.layers.includes(layer) && head >= 0 && head < payload.heads;

/** Ticked heads: as asked, else as the run on screen has them. */
export const ticked = ({ wanted, payload }: State): readonly HeadId[] =>
	wanted ?? payload?.ablated?.heads ?? [];

function isBeyond(columns: readonly Column[], sort: string, place: number): boolean {
	const of = columns.filter(({ info }) => info.null && (!sort || info.name === sort));
	return (of.length ? of : columns).some(({ beyond }) => beyond[place] === 1);
}

/** The places of the table's heads, in its order; those without a number last. */
export function orderOf(state: State, numbers: Numbers): number[] {
	const { payload, sort, ascending, only, beyond } = state;
	if (!payload) return [];
	const count = payload.layers.length * payload.heads;
	let places = Array.from({ length: count }, (_, place) => place);
	if (only !== null && payload.layers.includes(only))
		places = places.filter((place) => headAt(payload, place)[0] === only);
	if (beyond) places = places.filter((place) => isBeyond(numbers.columns, sort, place));
	const column = numbers.column(sort);
	if (!column) return ascending ? places.reverse() : places;
	const sign = ascending ? 1 : -1;
	const known = (place: number) => Number.isFinite(column.values[place]);
	return places.sort(
		(a, b) =>
			Number(known(b)) - Number(known(a)) ||
			sign * ((column.values[a] ?? 0) - (column.values[b] ?? 0)) ||
			a - b,
	);
}

export const pageOf = ({ page }: State, order: readonly number[]): number =>
	clamp(page, 0, Math.max(0, Math.ceil(order.length / PAGE) - 1));

/** The head whose details are shown: the last selected one, else the table's first. */
export function chosenHead(state: State, order: readonly number[]): HeadId | null {
	const { payload, heads } = state;
	if (!payload) return null;
	return heads.findLast((head) => has(payload, head)) ?? headAt(payload, order[0] ?? 0);
}

/** A head alone, or one more or less; the only one stays. */
export function withHead(state: State, head: HeadId, add: boolean): Change {
	const others = state.heads.filter((other) => !sameHead(other, head));
	const removed = others.length > 0 && others.length < state.heads.length;
	const heads = add ? (removed ? others : [...others, head]) : [head];
	return { heads, edits: state.edits + 1 };
}

/** One more head to ablate, or one less. */
export function toggled(state: State, head: HeadId): readonly HeadId[] {
	const others = ticked(state).filter((other) => !sameHead(other, head));
	return others.length < ticked(state).length ? others : [...others, head];
}

/** What is asked for holds until the run that shows it. */
export function onPayload(state: State, payload: HeadBoardPayload | null): Change {
	const shown = payload?.ablated?.heads ?? [];
	const { wanted } = state;
	const key = (heads: readonly HeadId[]) => String([...heads].map(String).sort());
	const done = wanted !== null && key(wanted) === key(shown);
	return { payload, fetch: "", ...(done ? { wanted: null } : {}) };
}

/** A run that failed, or was ended, shows what there is. */
export const onStatus = (state: State, status: Status): Change => ({
	status,
	...(status.kind !== "running" && state.status.kind === "running" ? { wanted: null } : {}),
});
