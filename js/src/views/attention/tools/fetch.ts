import type { AttentionPayload, HeadDetail } from "../../../contract.gen";
import { clamp } from "../../../shared/keys";
import { type Answer, isRecord, type Rpc } from "../../../shared/rpc";
import { bytesOf } from "../../../shared/tensor";
import type { Heads } from "../heads";
import { MULTIPLES_MOST } from "../layout";
import { headName } from "../scene";
import { drawnHeads, type Fetch, type HeadId, type State } from "../state";
import type { Core } from "../view";

const WAITING_MS = 1_000;
const MOST = 16;
const MOST_NUMBERS = 32e6;

/** Fetches the heads that a new state draws and that the page does not hold. */
export function makeFetch({ life, rpc, heads, acts, state }: Core): (state: State) => void {
	async function fetchHead(payload: AttentionPayload, head: HeadId): Promise<void> {
		const id = String(head);
		const say = (fetch: Fetch | null, offline = state().offline) => {
			if (life.signal.aborted || state().payload !== payload) return; // a new one has come
			const all = new Map(state().fetch);
			if (fetch) all.set(id, fetch);
			else all.delete(id);
			acts.set({ fetch: all, offline });
		};
		say({ phase: "loading", message: "loading" });
		const waiting = () => say({ phase: "waiting", message: "waiting for the kernel" });
		const cancel = life.after(WAITING_MS, waiting);
		const gone = () => life.signal.aborted || state().payload !== payload;
		const answer = await inParts(rpc, { run: payload.run, layer: head[0], head: head[1] }, gone);
		cancel();
		if (gone()) return;
		if (!answer.ok) {
			const offline = answer.code === "no-kernel";
			const message = offline ? absent(heads, head) : answer.message;
			if (answer.code !== "stale-run") say({ phase: "absent", message }, offline);
			return;
		}
		const detail = detailOf(answer.body.detail, answer.buffers[0], payload);
		if (detail) life.guard(() => heads.add(detail))();
		const known = heads.full(head) !== null;
		say(known ? null : { phase: "absent", message: "the answer is of another run" }, false);
	}

	/** Scores that were too slow to travel along are asked for when one is chosen. */
	async function fetchScores(payload: AttentionPayload): Promise<void> {
		asked = payload;
		const answer = await rpc.request("scores", { run: payload.run });
		if (life.signal.aborted || state().payload !== payload || !answer.ok) return;
		const scores = answer.body.head_scores;
		if (Array.isArray(scores)) acts.set({ scores: { payload, scores } });
	}
	let asked: AttentionPayload | null = null;

	return (now) => {
		const wanted = drawnHeads(now).slice(-MULTIPLES_MOST).reverse();
		for (const head of wanted)
			if (now.payload && !state().fetch.has(String(head)) && !heads.full(head))
				void fetchHead(now.payload, head);
		forget(heads, wanted);
		const unscored = now.payload?.head_scores?.some(({ values }) => values.length === 0);
		if (now.payload && unscored && (now.score || now.sorted) && asked !== now.payload)
			void fetchScores(now.payload);
	};
}

/** A long head comes in parts, each short enough for any host. */
async function inParts(rpc: Rpc, fields: object, gone: () => boolean): Promise<Answer> {
	const parts: Uint8Array[] = [];
	let length = 0;
	for (;;) {
		const answer = await rpc.request("head", length ? { ...fields, offset: length } : fields);
		const data = answer.ok ? answer.buffers[0] : null;
		if (!answer.ok || !data || gone()) return answer;
		parts.push(bytesOf(data));
		const before = length;
		length += parts.at(-1)?.length ?? 0;
		if (length > before && length < Number(answer.body.total ?? 0)) continue;
		if (parts.length === 1) return answer;
		const whole = new Uint8Array(length);
		let at = 0;
		for (const part of parts) {
			whole.set(part, at);
			at += part.length;
		}
		return { ...answer, buffers: [whole] };
	}
}

/** The answer with its numbers, which travel beside it; null where it is of another run. */
function detailOf(
	detail: unknown,
	data: HeadDetail["tensor"]["data"],
	payload: AttentionPayload,
): HeadDetail | null {
	if (!isRecord(detail) || !isRecord(detail.tensor)) return null;
	const { run, layer } = detail;
	const runs = [payload.run, payload.layer_runs[payload.layers.indexOf(Number(layer))]];
	const shape = detail.tensor.shape;
	if (!runs.some((one) => one === run) || !Array.isArray(shape)) return null;
	if (shape[0] !== payload.tokens.length) return null;
	const tensor = { ...detail.tensor, ...(data ? { data } : {}) };
	return { ...detail, tensor } as unknown as HeadDetail;
}

/** Keeps the newest of the heads that were fetched, and those on the screen. */
function forget({ decoded }: Heads, wanted: readonly HeadId[]): void {
	const first = decoded.values().next().value;
	const most = clamp(Math.floor(MOST_NUMBERS / (first?.matrix.values.length || 1)), 1, MOST);
	const shown = new Set(wanted.map(String));
	for (const id of [...decoded.keys()])
		if (decoded.size > Math.max(most, shown.size) && !shown.has(id)) decoded.delete(id);
}

function absent(heads: Heads, head: HeadId): string {
	if (heads.thumb(head)?.pooled === 1) return "";
	const ids = [...new Set([...heads.along.keys(), ...heads.decoded.keys()])];
	const names = ids.map((id) => headName(id.split(",").map(Number) as [number, number]));
	const holds = names.length ? `${names.join(", ")} in full` : "thumbnails";
	return `This page holds ${holds}; other heads need a kernel`;
}
