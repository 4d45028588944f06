import type { Matrix } from "../../../shared/tensor";
import type { HeadView } from "../heads";
import type { State } from "../state";

const BINS = 4096;
const MOST = 200_000;
const LONG = 64; // tokens from which most weights are tiny

const known = new WeakMap<Matrix, number>();

/** What 99.5 % of the numbers are at most, whatever their sign. */
function highest(matrix: Matrix): number {
	const before = known.get(matrix);
	if (before !== undefined) return before;
	const high = count(matrix.values);
	known.set(matrix, high);
	return high;
}

/** By counting a part of them: sorting two million numbers would take a second. */
function count(values: Float32Array): number {
	const step = 2 * Math.floor(values.length / MOST) + 1; // odd: no row has the same keys seen
	let most = 0;
	for (let i = 0; i < values.length; i += step) {
		const value = Math.abs(values[i] ?? 0);
		if (value > most && value < Number.POSITIVE_INFINITY) most = value;
	}
	if (most === 0) return 0;
	const counts = new Uint32Array(BINS);
	for (let i = 0; i < values.length; i += step) {
		const bin = Math.floor((Math.abs(values[i] ?? 0) / most) * (BINS - 1));
		if (bin >= 0 && bin < BINS) counts[bin] = (counts[bin] ?? 0) + 1;
	}
	let beyond = (values.length / step) * 0.005;
	for (let bin = BINS - 1; bin > 0; bin--) {
		beyond -= counts[bin] ?? 0;
		if (beyond < 0) return ((bin + 1) / BINS) * most;
	}
	return most / BINS;
}

/** The round number, one of 1, 2, 5 and their tens, that a number is at most. */
export function roundUp(number: number): number {
	const power = 10 ** Math.floor(Math.log10(number));
	return (
		[1, 2, 5, 10].map((step) => step * power).find((round) => round >= number * 0.999) ?? number
	);
}

/** The ramp's top for these heads together: their scale, or what nearly all numbers are below. */
export function topOf({ fit, payload }: State, views: readonly HeadView[]): number {
	const scale = payload?.scale ?? 1;
	if (!views.length || fit === false) return scale;
	const high = Math.max(...views.map((view) => highest(view.matrix)));
	if (high === 0) return scale;
	const top = roundUp(high);
	const wanted = fit || ((payload?.tokens.length ?? 0) > LONG && top <= scale / 5);
	return wanted && top < scale ? top : scale;
}
