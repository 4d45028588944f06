import type { At } from "../../../shared/grid/types";
import { MASKED } from "../../../shared/pixels";
import { type Bare, type Colours, cellOf } from "../scene";

/** The number that colours a cell; null: it is on its way. */
export function valueAt(scene: Bare, cell: At): number | null {
	const { store, measure, target } = scene;
	const at = cellOf(scene, cell);
	if (measure === "probability") {
		const logprob = target < 0 ? store.logprob : store.map("logprob", target);
		return logprob && Math.exp(logprob[at] ?? Number.NaN);
	}
	const numbers = store.map(measure, target);
	if (!numbers) return null;
	const value = numbers[at] ?? Number.NaN;
	return measure === "rank" ? (value < 0 ? Number.NaN : value + 1) : value;
}

/** The colours of every cell; bare where a number is on its way. */
export function coloursOf(scene: Bare): Colours {
	const { payload, measure } = scene;
	const columns = payload.tokens.length;
	const values = Array.from({ length: payload.layers.length * columns }, (_, i) =>
		valueAt(scene, [Math.floor(i / columns), i % columns]),
	);
	const most = values.reduce((a: number, b) => Math.max(a, Number.isFinite(b) ? (b ?? 0) : 0), 0);
	const top = measure === "probability" ? 1 : most || 1;
	const level = (value: number | null) => {
		if (value === null) return MASKED;
		if (measure !== "rank") return value / top;
		return top > 1 ? 1 - Math.log(value) / Math.log(top) : 1;
	};
	return { levels: Float32Array.from(values, level), top };
}
