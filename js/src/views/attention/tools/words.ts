import type { ScoredHeads } from "../../../contract.gen";
import { inCell, weight } from "../../../shared/format";
import { checksum, type Matrix, rowOf } from "../../../shared/tensor";
import type { Scene } from "../scene";
import type { HeadId } from "../state";

type Of = Pick<Scene, "payload" | "state">;

export const scoresOf = ({ payload, state }: Of): readonly ScoredHeads[] =>
	(state.scores?.payload === payload ? state.scores.scores : payload.head_scores) ?? [];

/** The score that thumbnails show; null where no head has a number. */
export function scoreOf(of: Of): ScoredHeads | null {
	const scores = scoresOf(of).filter(({ values }) => values.length > 0);
	return scores.find(({ name }) => name === of.state.score) ?? scores[0] ?? null;
}

export const scoreIn = (
	score: ScoredHeads | null,
	{ layers, heads }: Scene["payload"],
	[layer, head]: HeadId,
): number | null => score?.values[layers.indexOf(layer)]?.[heads.indexOf(head)] ?? null;

/** A number of the map: with its sign where both signs occur. */
export const shown = ({ ink }: Scene, value: number, places = 2): string =>
	(ink.signed && value > 0 ? "+" : "") + weight(value, places);

export const shownInCell = ({ ink }: Scene, value: number): string =>
	(ink.signed && value > 0 ? "+" : "") + inCell(value);

const QUANTITIES = {
	weight: "attention weight",
	value_weighted: "weight × length of the value",
	score: "score before softmax",
};

/** What the numbers are. */
export function quantity({ payload }: Scene): string {
	const { measure = "weight", hidden_sink: hidden, less } = payload;
	const name = QUANTITIES[measure];
	if (less) return `${name}, less ${less}`;
	if (hidden) return `${name}, first token hidden`;
	return measure === "weight" ? `${name}; rows sum to 1` : name;
}

/** One query's numbers where they are known in full. */
export const rowFor = ({ view }: Scene, query: number): Float32Array =>
	view?.pooled === 1 ? rowOf(view.matrix, query) : new Float32Array();

const sums = new WeakMap<Matrix, number>();

/** Of a head's finite numbers: lets a test compare what is drawn with what was computed. */
export function sumOf(matrix: Matrix): number {
	const sum = sums.get(matrix) ?? checksum(matrix);
	sums.set(matrix, sum);
	return sum;
}
