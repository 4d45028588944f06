import type { BoardColumn, Composition, HeadBoardPayload } from "../src/contract.gen";
import { payload as attentionPayload, traits as attentionTraits } from "./fake";
import { float32 } from "./tokens_fake";

/** Bits of whole and half numbers in 0…2 and of 0.25 and 0.125, which are all exact. */
const HALF = new Map([
	[0, 0],
	[0.125, 0x3000],
	[0.25, 0x3400],
	[0.5, 0x3800],
	[1, 0x3c00],
	[2, 0x4000],
]);

export const float16 = (...numbers: number[]): Uint8Array =>
	new Uint8Array(
		new Uint16Array(
			numbers.map((number) => (Number.isNaN(number) ? 0x7e00 : (HALF.get(number) ?? 0))),
		).buffer,
	);

export function column(
	name: string,
	values: number[],
	change: Partial<BoardColumn> = {},
): BoardColumn {
	const end = (value: number) => float32(...values.map(() => value));
	return {
		...{ name, title: name, unit: "", null: "an even head", signed: false, lags: [] },
		...{ values: float32(...values), low: end(0.25), high: end(0.25) },
		beyond: new Uint8Array(values.map((value) => Number(value > 0.25))),
		...change,
	};
}

const NO = Number.NaN;

/** Two layers of two heads: L0 H1 → L1 H0 by keys is the largest. */
export function composition(change: Partial<Composition> = {}): Composition {
	const kind = (scores: number[]) => [
		...[NO, NO, scores[0] ?? 0, scores[1] ?? 0],
		...[NO, NO, scores[2] ?? 0, scores[3] ?? 0],
		...Array.from({ length: 8 }, () => NO),
	];
	return {
		by: "head",
		values: float16(...kind([0, 0, 0, 0]), ...kind([0.125, 0.25, 2, 0.5]), ...kind([0, 0, 0, 1])),
		...{ blocks: [], mean: 0.25, low: 0.125, high: 0.25, n_random: 100 },
		pairs: [
			{
				kind: "k",
				heads: [
					[0, 1],
					[1, 0],
				],
				score: 2,
				ratio: 8,
			},
			{
				kind: "k",
				heads: [
					[0, 1],
					[1, 1],
				],
				score: 0.5,
				ratio: 2,
			},
			{
				kind: "v",
				heads: [
					[0, 1],
					[1, 1],
				],
				score: 1,
				ratio: 4,
			},
		],
		...{ beyond: [0, 2, 1], n_pairs: 4 },
		...change,
	};
}

export function payload(change: Partial<HeadBoardPayload> = {}): HeadBoardPayload {
	const { tokens, stamp } = attentionPayload();
	return {
		...{ version: 1, kind: "head_board", run: 13, tokens, prompt_index: 0, prompt_count: 1 },
		...{ layers: [0, 1], heads: 2, target: "' a'", scored_on: "4 sequences", absent: [] },
		columns: [
			column("induction", [0, 0.5, 0.125, 1], { lags: [1, 1, 3, -2] }),
			column("copying", [-1, 0, 0.5, NO], { signed: true, null: "random heads" }),
		],
		weights: {
			...{
				rank: 2,
				held: [
					[0, 0],
					[1, 1],
				],
				eigenvalues: float32(2, 0, -0.2, 0, 1, 1, 1, -1),
			},
			...{ own_rank: float32(0, 0.5, 0.25, 1), top_1: float32(1, 0, 0, 0) },
			...{ d_vocab: 64, n_tokens: 64 },
		},
		composition: composition(),
		...{ runnable: true, ablated: null, effect: null, stamp },
		...change,
	};
}

export const kept = {
	...{ panel_open: false, table_open: false, sort: "", ascending: false, layer: null },
	...{ beyond: false, kind: "k", block: null, mode: "zero" },
};

export const traits = (change: Record<string, unknown> = {}): Record<string, unknown> =>
	attentionTraits({ payload: payload(), kept, ...change });
