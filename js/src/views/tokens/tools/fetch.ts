import type { TokensPayload } from "../../../contract.gen";
import { chosenRow, type State } from "../state";
import type { Core } from "../view";

const WAITING_MS = 1_000;

/** Fetches the chosen row where the page does not hold it. */
export function makeFetch({ life, rpc, rows, state, dispatch }: Core): (state: State) => void {
	let fetching: { payload: TokensPayload; row: number } | null = null;

	async function fetchRow(payload: TokensPayload, row: number): Promise<void> {
		const mine = { payload, row };
		fetching = mine;
		const say = (message: string, offline = false) => {
			if (fetching !== mine || life.signal.aborted) return;
			dispatch({ type: "fetch", fetch: { row, message }, ...(offline ? { offline } : {}) });
		};
		say("loading");
		const cancel = life.after(WAITING_MS, () => say("waiting for the kernel"));
		const answer = await rpc.request("row", { run: payload.run, row });
		cancel();
		if (life.signal.aborted || state().payload !== payload) return; // a new one has come
		const [data] = answer.ok ? answer.buffers : [];
		if (data) {
			rows.add(row, data);
			if (fetching === mine) dispatch({ type: "fetch", fetch: null, offline: false });
		} else if (!answer.ok && answer.code === "no-kernel") {
			say("This page does not hold this row; it needs a kernel.", true);
		} else if (!answer.ok && answer.code !== "stale-run") say(answer.message);
	}

	return (now) => {
		const { payload } = now;
		const row = chosenRow(now);
		if (!payload || rows.get(row)) fetching = null;
		else if (fetching?.payload !== payload || fetching.row !== row) void fetchRow(payload, row);
	};
}
