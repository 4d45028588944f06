import type { AttentionPayload, Links, LostToken, ScoredHeads, Status } from "../../contract.gen";

export type HeadId = readonly [layer: number, head: number];

/** Half-open ranges of queries and keys; both are equally long. */
export type Zoom = readonly [query0: number, query1: number, key0: number, key1: number];

/** What the kernel said about a head that is being fetched. */
export type Fetch = { phase: "loading" | "waiting" | "absent"; message: string };

export interface State {
	payload: AttentionPayload | null;
	status: Status;
	heads: readonly HeadId[];
	tokens: readonly number[];
	layer: number | null;
	feature: number | null;
	prompt: number | null;
	/** Selected tokens that are not in this run. */
	lost: readonly LostToken[];
	/** Local changes of the selection. */
	edits: number;
	/** Where a range of tokens began. */
	anchor: number | null;
	links: Links;
	/** The query and the key under the pointer. */
	hover: readonly [query: number | null, key: number | null];
	zoom: Zoom | null;
	panelOpen: boolean;
	tableOpen: boolean;
	/** The table's rows as the tokens are, not by weight. */
	byPosition?: boolean;
	/** Name of the score that thumbnails show; else the first. */
	score?: string;
	/** Thumbnails in the order of their score. */
	sorted?: boolean;
	/** The ramp's top is what nearly all numbers are below; null: where they are tiny. */
	fit?: boolean | null;
	/** Keys after their query are drawn as the zeros that they are. */
	unmasked?: boolean;
	/** By head, "layer,head"; one that the page holds is not there. */
	fetch: ReadonlyMap<string, Fetch>;
	offline: boolean;
	/** Scores of the payload's heads that came after it. */
	scores?: { payload: AttentionPayload; scores: readonly ScoredHeads[] };
}

export type Change = Partial<State>;

export const NO_HOVER = [null, null] as const;

export const initial: State = {
	...{ payload: null, heads: [], tokens: [], layer: null, feature: null, prompt: null },
	status: { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 },
	...{ lost: [], edits: 0, anchor: null, links: { group: "", warning: "" } },
	...{ hover: NO_HOVER, zoom: null, panelOpen: false, tableOpen: false },
	...{ fetch: new Map(), offline: false },
};

export const sameHead = (a: HeadId, b: HeadId): boolean => a[0] === b[0] && a[1] === b[1];

export const held = (payload: AttentionPayload, [layer, head]: HeadId): boolean =>
	payload.layer_runs[payload.layers.indexOf(layer)] != null && payload.heads.includes(head);

/** The selected heads that have numbers here, the last one large; without one, the first head. */
export function drawnHeads({ payload, heads }: State): readonly HeadId[] {
	if (!payload) return [];
	const all = payload.layers.flatMap((layer) => payload.heads.map((head): HeadId => [layer, head]));
	const selected = heads.filter((head) => held(payload, head));
	return selected.length ? selected : all.filter((head) => held(payload, head)).slice(0, 1);
}

/** The query whose row is read: the last one selected, else the last token. */
export const chosenQuery = ({ payload, tokens }: State): number => {
	const count = payload?.tokens.length ?? 0;
	return tokens.findLast((token) => token < count) ?? count - 1;
};

export const pickHead = ({ edits }: State, head: HeadId): Change => ({
	...{ heads: [head], edits: edits + 1 },
});

export const pickToken = ({ edits }: State, position: number): Change => ({
	...{ tokens: [position], anchor: position, lost: [], hover: NO_HOVER, edits: edits + 1 },
});

/** A zoom stays with as many tokens. */
export function onPayload(state: State, payload: AttentionPayload | null): Change {
	const count = payload?.tokens.length ?? 0;
	const before = state.payload?.tokens.length ?? count;
	const fits = before === count && Math.max(...(state.zoom ?? [0])) <= count;
	return { payload, zoom: fits ? state.zoom : null, hover: NO_HOVER, fetch: new Map() };
}
