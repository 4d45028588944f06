import type { TokensPayload } from "../../contract.gen";
import type { Life } from "../../shared/life";
import { isRecord, type Rpc } from "../../shared/rpc";
import type { Rows } from "./rows";
import type { Dispatch } from "./scene";
import { chosenRow, type State } from "./state";

const SELECT_MS = 60;

/** What follows from a new state outside of the page: a row to fetch, a selection to tell. */
export function makeEffects(
	life: Life,
	rpc: Rpc,
	rows: Rows,
	dispatch: Dispatch,
	state: () => State,
): () => void {
	let fetching: { payload: TokensPayload; row: number } | null = null;
	let told = 0;
	let cooling = false;

	async function fetchRow(payload: TokensPayload, row: number): Promise<void> {
		if (fetching?.payload === payload && fetching.row === row) return;
		const mine = { payload, row };
		fetching = mine;
		const say = (message: string, offline?: boolean) => {
			if (fetching !== mine || life.signal.aborted) return;
			dispatch({ type: "fetch", fetch: { row, message }, ...(offline ? { offline } : {}) });
		};
		say("loading");
		const waiting = () => say("waiting for the kernel");
		const answer = await rpc.request("row", { run: payload.run, row }, isRow, life.guard(waiting));
		if (life.signal.aborted || state().payload !== payload) return; // a new one has come
		const [data] = answer.ok ? answer.buffers : [];
		if (data) {
			rows.add(row, data);
			if (fetching === mine) dispatch({ type: "fetch", fetch: null, offline: false });
		} else if (!answer.ok && answer.code === "no-kernel") {
			say("This page does not hold this row; it needs a kernel.", true);
		} else if (!answer.ok && answer.code !== "stale-run") say(answer.message);
	}

	async function tellSelection(edit: number): Promise<void> {
		const { heads, tokens } = state();
		const answer = await rpc.request("select", { heads, tokens }, hasRevision);
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
		const row = chosenRow(now);
		if (now.payload && !rows.get(row)) void fetchRow(now.payload, row);
		else fetching = null;
		if (now.edits > told && !cooling) tell();
	};
}

const isRow = (body: unknown): body is { row: number } =>
	isRecord(body) && typeof body.row === "number";

const hasRevision = (body: unknown): body is { revision: number } =>
	isRecord(body) && typeof body.revision === "number";
