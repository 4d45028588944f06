import type { HeadBoardPayload } from "../../../contract.gen";
import { chosenHead, headName, orderOf, type State } from "../state";
import type { Core } from "../view";

/** Fetches the chosen head's eigenvalues, and two layers' pairs, where the page has them not. */
export function makeFetch({ life, rpc, numbers, state, set }: Core): (state: State) => void {
	let asked = "";

	async function fetch(
		payload: HeadBoardPayload,
		kind: string,
		of: object,
		what: string,
		take: (data: DataView) => void,
	): Promise<void> {
		const key = JSON.stringify([payload.run, kind, of]);
		if (asked === key) return;
		asked = key;
		const answer = await rpc.request(kind, { run: payload.run, ...of });
		if (life.signal.aborted || state().payload !== payload) return;
		const [data] = answer.ok ? answer.buffers : [];
		if (data) take(data as DataView);
		if (data) set({ fetch: key });
		else if (!answer.ok && answer.code === "no-kernel")
			set({ fetch: `This page does not hold ${what}; it needs a kernel.`, offline: true });
		else if (!answer.ok && answer.code !== "stale-run") set({ fetch: answer.message });
	}

	return (now) => {
		const { payload, block } = now;
		if (!payload) return;
		const head = chosenHead(now, now.heads.length ? [] : orderOf(now, numbers));
		if (payload.weights && head && !numbers.eigen(head)) {
			const [layer, of] = head;
			void fetch(payload, "eigenvalues", { layer, head: of }, headName(head), (data) =>
				numbers.addEigen(head, data),
			);
		} else if (payload.composition?.by === "layer" && block && !numbers.block(...block)) {
			const [layer, to] = block;
			void fetch(payload, "block", { layer, to_layer: to }, `L${layer} → L${to}`, (data) =>
				numbers.addBlock(layer, to, data),
			);
		}
	};
}
