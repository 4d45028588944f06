import type { AttentionPayload, Bytes, HeadDetail } from "../../contract.gen";
import type { Life } from "../../shared/life";
import { isRecord, type Rpc } from "../../shared/rpc";
import { type Heads, isDetail } from "./heads";
import type { Dispatch } from "./scene";
import { chosen, type Fetch, type HeadId, type State } from "./state";

const SELECT_MS = 60;

type Phase = Fetch["phase"];

/** What follows from a new state outside of the page: heads to fetch, a selection to tell. */
export function makeEffects(
	life: Life,
	rpc: Rpc,
	heads: Heads,
	dispatch: Dispatch,
	state: () => State,
): () => void {
	let fetching: { payload: AttentionPayload; id: string } | null = null;
	let told = 0;
	let cooling = false;

	async function fetchHead(payload: AttentionPayload, head: HeadId): Promise<void> {
		const id = head.join(".");
		if (fetching?.payload === payload && fetching.id === id) return;
		const mine = { payload, id };
		fetching = mine;
		const say = (phase: Phase, message: string, offline?: boolean) => {
			if (fetching !== mine || life.signal.aborted) return;
			const fetch = { head: id, phase, message };
			dispatch({ type: "fetch", fetch, ...(offline === undefined ? {} : { offline }) });
		};
		say("loading", "loading");
		const fields = { run: payload.run, layer: head[0], head: head[1] };
		const waiting = () => say("waiting", "waiting for the kernel");
		const answer = await rpc.request("head", fields, isDetail, life.guard(waiting));
		if (life.signal.aborted || state().payload !== payload) return; // a new one has come
		if (answer.ok) {
			life.guard(() => heads.add(whole(answer.body.detail, answer.buffers)))();
			if (fetching === mine) dispatch({ type: "fetch", fetch: null, offline: false });
		} else if (answer.code === "no-kernel") say("absent", absent(heads, head), true);
		else if (answer.code !== "stale-run") say("absent", answer.message);
	}

	async function tellSelection(edit: number): Promise<void> {
		const { heads, tokens, payload } = state();
		const prompt = payload?.prompt_index ?? null;
		const parts = { heads, tokens, layer: null, feature: null, prompt };
		const answer = await rpc.request("select", parts, hasRevision);
		if (!life.signal.aborted) {
			const offline = !answer.ok && answer.code === "no-kernel";
			dispatch({ type: "answered", edit, offline: offline || (!answer.ok && state().offline) });
		}
	}

	/** At once, so that a cell run after a click comes after it; then at most every SELECT_MS. */
	function tell(): void {
		told = state().edits;
		void tellSelection(told);
		cooling = true;
		life.after(SELECT_MS, () => {
			cooling = false;
			if (state().edits > told) tell();
		});
	}

	return () => {
		const now = state();
		const head = chosen(now);
		if (head && now.payload && !heads.full(head)) {
			void fetchHead(now.payload, head);
		} else fetching = null;
		if (now.edits > told && !cooling) tell();
	};
}

const hasRevision = (body: unknown): body is { revision: number } =>
	isRecord(body) && typeof body.revision === "number";

/** The detail with its numbers, which travel beside it. */
function whole(detail: HeadDetail, [data]: Bytes[]): HeadDetail {
	return data ? { ...detail, tensor: { ...detail.tensor, data } } : detail;
}

function absent(heads: Heads, head: HeadId): string {
	if (heads.thumb(head)?.pooled === 1) return "";
	const names = heads.names();
	const holds = names.length
		? `This page holds ${names.join(", ")} in full`
		: "This page holds thumbnails";
	return `${holds}; other heads need a kernel`;
}
