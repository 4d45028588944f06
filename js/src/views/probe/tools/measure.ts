/** A ROC curve by falling threshold, and the area under it. */
export interface Roc {
	falsePositive: number[];
	truePositive: number[];
	threshold: number[];
	area: number;
}

/** As `results/probe_numbers.roc_of`: a point for each score that occurs, from (0, 0) to (1, 1). */
export function rocOf(score: readonly number[], target: readonly number[]): Roc {
	const order = score.map((_, i) => i).sort((a, b) => (score[b] ?? 0) - (score[a] ?? 0));
	const positives = target.filter((one) => one === 1).length;
	const negatives = target.length - positives;
	const roc: Roc = { falsePositive: [0], truePositive: [0], threshold: [Infinity], area: 0 };
	let [fp, tp, area, before] = [0, 0, 0, [0, 0] as [number, number]];
	for (const [n, i] of order.entries()) {
		if (target[i] === 1) tp++;
		else fp++;
		if (score[order[n + 1] ?? -1] === score[i]) continue; // tied: one point for all of them
		const at: [number, number] = [fp / negatives, tp / positives];
		area += ((at[0] - before[0]) * (at[1] + before[1])) / 2;
		before = at;
		roc.falsePositive.push(at[0]);
		roc.truePositive.push(at[1]);
		roc.threshold.push(score[i] ?? 0);
	}
	return { ...roc, area };
}

export interface Histogram {
	positive: number[];
	negative: number[];
}

/** Counts of both classes in bins of one width. */
export function histogramOf(
	score: readonly number[],
	target: readonly number[],
	least: number,
	most: number,
	bins: number,
): Histogram {
	const counts: Histogram = { positive: Array(bins).fill(0), negative: Array(bins).fill(0) };
	for (const [i, value] of score.entries()) {
		const at = Math.min(bins - 1, Math.floor(((value - least) / (most - least)) * bins));
		const of = target[i] === 1 ? counts.positive : counts.negative;
		of[at] = (of[at] ?? 0) + 1;
	}
	return counts;
}

/** Of two classes [true][said], where a score above the threshold says the second. */
export function countsOf(
	score: readonly number[],
	target: readonly number[],
	threshold: number,
): [[number, number], [number, number]] {
	const counts: [[number, number], [number, number]] = [
		[0, 0],
		[0, 0],
	];
	for (const [i, value] of score.entries())
		counts[target[i] === 1 ? 1 : 0][value > threshold ? 1 : 0]++;
	return counts;
}

/** Of several classes: by true and by said one, which has the highest score. */
export function confusionOf(
	all: readonly (readonly number[])[],
	target: readonly number[],
	classes: number,
): number[][] {
	const counts = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
	for (const [i, scores] of all.entries()) {
		const row = counts[target[i] ?? 0];
		const said = scores.indexOf(Math.max(...scores));
		if (row) row[said] = (row[said] ?? 0) + 1;
	}
	return counts;
}
