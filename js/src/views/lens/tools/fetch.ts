import type { LensColumns, LensMap, LensPayload } from "../../../contract.gen";
import { type State, shownMeasure } from "../state";
import type { Core } from "../view";
import { addColumns, addMap } from "./filling";
import { neededPositions } from "./series";

const WAITING_MS = 1_000;

/** What the picture needs and the page does not hold. */
type Need =
	| { kind: "column"; position: number }
	| { kind: "map"; name: LensMap["name"]; target: number };

/** Fetches numbers where the page does not hold them, one after another. */
export function makeFetch({ life, rpc, store, state, dispatch }: Core): (state: State) => void {
	let payload: LensPayload | null = null;
	let busy = false;
	let refused = new Set<string>();

	function missing(now: State): Need | null {
		const needs: Need[] = [];
		const { measure, target } = shownMeasure(now);
		if (measure !== "probability") needs.push({ kind: "map", name: measure, target });
		else if (target >= 0) needs.push({ kind: "map", name: "logprob", target });
		for (const position of neededPositions(now)) needs.push({ kind: "column", position });
		const held = (need: Need) =>
			need.kind === "map" ? store.map(need.name, need.target) : store.columns.has(need.position);
		return needs.find((need) => !held(need) && !refused.has(JSON.stringify(need))) ?? null;
	}

	async function get(of: LensPayload, need: Need): Promise<void> {
		busy = true;
		const say = (message: string, offline?: boolean) => {
			if (!life.signal.aborted)
				dispatch({ type: "fetch", message, ...(offline === undefined ? {} : { offline }) });
		};
		const cancel = life.after(WAITING_MS, () => say("waiting for the kernel"));
		const answer = await rpc.request(need.kind, { run: of.run, ...fieldsOf(need) });
		cancel();
		busy = false;
		if (life.signal.aborted) return;
		if (state().payload === of) {
			if (answer.ok) take(of, answer.body, answer.buffers as Parameters<typeof take>[2]);
			else refused.add(JSON.stringify(need));
			if (answer.ok) say("", false);
			else if (answer.code === "no-kernel") say("this page does not hold it", true);
			else if (answer.code !== "stale-run") say(answer.message);
		}
		next(state());
	}

	function take(
		of: LensPayload,
		{ columns, map }: Record<string, unknown>,
		buffers: readonly Uint8Array[],
	): void {
		if (columns) addColumns(store, of, columns as LensColumns, buffers);
		else if (map && buffers[0]) addMap(store, of, map as LensMap, buffers[0]);
	}

	function next(now: State): void {
		if (now.payload !== payload) {
			payload = now.payload;
			refused = new Set();
		}
		const need = payload && !busy && missing(now);
		if (payload && need) void get(payload, need);
	}
	return next;
}

const fieldsOf = ({ kind, ...fields }: Need) => fields;
