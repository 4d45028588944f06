import type { ProbePayload, WireCurve } from "../../contract.gen";
import { percent } from "../../shared/format";

export const layerName = (layer: number): string => (layer < 0 ? "embed" : `L${layer}`);

/** A number as the metric is written: 94 %, 0.989. */
export function metricText(metric: string, value: number | null | undefined): string {
	if (value === null || value === undefined) return "–";
	return metric === "accuracy" ? percent(value) : value.toFixed(3).replace("-", "−");
}

/** An interval without its unit: 91–96; empty where there is none. */
export function spanText(
	metric: string,
	low: number | null | undefined,
	high: number | null | undefined,
): string {
	if (typeof low !== "number" || typeof high !== "number") return "";
	return [low, high].map((end) => metricText(metric, end).replace(/\s?%$/, "")).join("–");
}

/** +2.40, −0.13: a score. */
export const scoreText = (value: number, places = 2): string =>
	`${value > 0 ? "+" : ""}${value.toFixed(places).replace("-", "−")}`;

export const curveOf = (
	{ curves }: ProbePayload,
	part: number,
	metric: number,
	probe: number,
): WireCurve | undefined =>
	curves.find((one) => one.part === part && one.metric === metric && one.probe === probe);

/** Round numbers from `low` to `high`, `count` or so. */
export function niceTicks(low: number, high: number, count = 4): number[] {
	const step = niceStep((high - low) / count);
	const ticks = [];
	for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step / 1e6; tick += step)
		ticks.push(Number(tick.toPrecision(9)) + 0);
	return ticks;
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
export function niceStep(rough: number): number {
	const power = 10 ** Math.floor(Math.log10(rough || 1));
	return [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough * 0.999) ?? rough;
}

/** Moves labels apart, `gap` pixels at least, in their order. */
export function spread(wanted: readonly number[], gap: number, most: number): number[] {
	const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
	const placed = [...wanted];
	let last = Number.NEGATIVE_INFINITY;
	for (const i of order) {
		last = Math.max(placed[i] ?? 0, last + gap);
		placed[i] = last;
	}
	let next = most + gap;
	for (const i of order.reverse()) {
		next = Math.min(placed[i] ?? 0, next - gap);
		placed[i] = next;
	}
	return placed;
}
