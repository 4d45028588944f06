import type { TokensPayload } from "../src/contract.gen";
import { payload as attentionPayload, traits as attentionTraits } from "./fake";

export const float32 = (...numbers: number[]): Uint8Array =>
	new Uint8Array(new Float32Array(numbers).buffer);

/** Four tokens; by default one row of 0, 1, 2, 3. */
export function payload(change: Partial<TokensPayload> = {}): TokensPayload {
	const { tokens, stamp } = attentionPayload();
	return {
		...{ version: 1, kind: "token_values", run: 13, tokens, turns: [], stamp },
		...{ prompt_index: 0, prompt_count: 1, prompt_label: "", title: "Surprisal", unit: "nats" },
		...{ signed: false, scale: [0, 3], rows: [""], row_axes: [], held: [0] },
		...{ values: float32(0, 1, 2, 3), absent: [], nonfinite: [0], expected: null, rank: null },
		...change,
	};
}

/** So many rows r of 10 r, 10 r + 1, …; all of them held. */
export function rows(count: number, change: Partial<TokensPayload> = {}): TokensPayload {
	const all = Array.from({ length: count }, (_, row) => row);
	return payload({
		...{ rows: all.map((row) => `row ${row}`), held: all, nonfinite: all.map(() => 0) },
		values: float32(...all.flatMap((row) => [0, 1, 2, 3].map((i) => 10 * row + i))),
		...change,
	});
}

export const kept = {
	...{ row: 0, panel_open: false, table_open: false, by_value: false, most: null },
};

export const traits = (change: Record<string, unknown> = {}): Record<string, unknown> =>
	attentionTraits({ payload: payload(), kept, ...change });
