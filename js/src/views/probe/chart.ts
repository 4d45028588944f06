import type { ProbePayload, WireCurve, WireNull } from "../../contract.gen";
import { div, h, memo, s, set } from "../../shared/dom";
import { arrow, clamp, taken } from "../../shared/keys";
import type { Life } from "../../shared/life";
import { stroke } from "../../shared/slider";
import { curveOf, layerName, metricText, niceTicks, spanText, spread } from "./numbers";
import { type Action, chosenLayer, chosenProbe, type State } from "./state";

const [LEFT, RIGHT, TOP, HEIGHT] = [44, 118, 12, 228];
const NAME_GAP = 31;
const LABEL_WIDTH = 36;

type Ends = readonly (number | null)[];
type Point = readonly [number, number];

/** The metric by layer with its interval, and what the controls reach. A click chooses a layer. */
export function makeCurve(life: Life, dispatch: (action: Action) => void, state: () => State) {
	const head = div("h");
	const svg = s("svg", { class: "iw-pb-svg", "aria-hidden": "true" });
	const box = h("div", { class: "iw-pb-hit", tabindex: 0, role: "slider" }, svg);
	const node = div("pb-curve", head, box);
	const onDraw = memo();
	let place: { x0: number; step: number; count: number } | null = null;

	function layerAt(event: MouseEvent): number | null {
		if (!place) return null;
		const x = event.clientX - svg.getBoundingClientRect().left;
		const index = Math.round((x - place.x0) / (place.step || 1));
		return x > place.x0 + place.step * (place.count - 1) + 16
			? null
			: clamp(index, 0, place.count - 1);
	}
	life.on(box, "click", (event) => {
		const index = layerAt(event);
		if (index !== null) dispatch({ type: "layer", index });
	});
	life.on(box, "pointermove", (event) => dispatch({ type: "hover", index: layerAt(event) }));
	life.on(box, "pointerleave", () => dispatch({ type: "hover", index: null }));
	life.on(box, "keydown", (event) => {
		const by = arrow(event);
		const ends: Record<string, number> = { Home: 0, End: (place?.count ?? 1) - 1 };
		const to = by ? chosenLayer(state()) + by[1] - by[0] : ends[event.key];
		if (to === undefined) return;
		taken(event);
		dispatch({ type: "layer", index: to });
	});

	return {
		node,
		draw(now: State, payload: ProbePayload) {
			const { kept, hover } = now;
			const metric = clamp(kept.metric, 0, payload.metrics.length - 1);
			const curve = curveOf(payload, kept.part, metric, chosenProbe(now));
			const layer = chosenLayer(now);
			const width = node.clientWidth || 500;
			onDraw([payload, curve, layer, hover, width], () => {
				if (!curve) return;
				const name = payload.metrics[metric] ?? "";
				const what = payload.parts[kept.part] ?? "";
				const title = `${what === "held out" ? "held-out" : `${what},`} ${name}`;
				head.replaceChildren(
					h("b", {}, title.charAt(0).toUpperCase() + title.slice(1)),
					"by layer, 95 % interval",
				);
				const count = payload.layers.length;
				const step = count > 1 ? (width - LEFT - RIGHT) / (count - 1) : 0;
				place = { x0: LEFT, step, count };
				set(svg, { width, height: TOP + HEIGHT + 26 });
				svg.replaceChildren(...drawn(payload, curve, name, layer, hover, width, step));
				const value = metricText(name, curve.value[layer]);
				set(box, {
					"aria-label": `layer; ${title} at each`,
					"aria-valuemin": 0,
					"aria-valuemax": count - 1,
					"aria-valuenow": layer,
					"aria-valuetext": `${layerName(payload.layers[layer] ?? 0)}, ${value}`,
				});
			});
		},
	};
}

function drawn(
	payload: ProbePayload,
	curve: WireCurve,
	metric: string,
	layer: number,
	hover: number | null,
	width: number,
	step: number,
): SVGElement[] {
	const [low, high] = rangeOf(curve, metric);
	const right = width - RIGHT;
	const x = (index: number) => LEFT + (step ? index * step : (right - LEFT) / 2);
	const y = (value: number) => TOP + HEIGHT - ((value - low) / (high - low)) * HEIGHT;
	const points = (values: Ends): Point[] =>
		values.flatMap((value, i) => (value === null ? [] : [[x(i), y(value)] as const]));
	const here = curve.value[layer] ?? null;
	return [
		...curve.nulls.flatMap((one, i) => bandOf(one, i, points)),
		...gridOf(low, high, metric, right, y),
		s("line", { class: "iw-here", x1: x(layer), x2: x(layer), y1: TOP, y2: TOP + HEIGHT }),
		...(hover === null || hover === layer
			? []
			: [
					s("line", {
						class: "iw-pb-hover",
						x1: x(hover),
						x2: x(hover),
						y1: TOP,
						y2: TOP + HEIGHT,
					}),
				]),
		...curve.nulls.flatMap((one, i) => nullOf(one, i, points)),
		stroke("iw-line", points(curve.value)),
		...whiskers(curve, x, y),
		...points(curve.value).map(([cx, cy]) => s("circle", { class: "iw-dotted", cx, cy, r: 3.2 })),
		...(here === null
			? []
			: [s("circle", { class: "iw-here-dot", cx: x(layer), cy: y(here), r: 5 })]),
		...endNames(curve, right + 12, y),
		...layerNames(payload, layer, x, step),
		...[...new Set([hover ?? layer, layer])].flatMap((index) =>
			valueAt(curve, metric, index, index === layer, x, y),
		),
	];
}

/** Of shares from a tenth below all that is drawn to 1; of others what is drawn. */
function rangeOf(curve: WireCurve, metric: string): readonly [number, number] {
	const all = [curve.value, curve.low, curve.high, ...curve.nulls.flatMap((n) => [n.low, n.high])];
	const known = all.flat().filter((value): value is number => value !== null);
	const [least, most] = [Math.min(...known, 1), Math.max(...known, 0)];
	if (metric === "accuracy" || metric === "AUROC")
		return [Math.max(0, Math.floor(least * 10 - 0.2) / 10), 1];
	return [Math.max(-1, Math.min(0, least - 0.05)), Math.max(1, most)];
}

/** Of the first control the band is filled, of others it has an outline: they may overlap. */
const bandOf = (
	{ low, high }: WireNull,
	index: number,
	points: (values: Ends) => Point[],
): SVGElement[] => {
	const [lows, highs] = [points(low), points(high)];
	if (lows.length + highs.length < 3) return [];
	if (index) return [stroke("iw-pb-edge", lows), stroke("iw-pb-edge", highs)];
	return [s("polygon", { class: "iw-band", points: [...lows, ...highs.reverse()].join(" ") })];
};

/** The first control is a band with hollow dots; the others have a dashed line, too. */
function nullOf(one: WireNull, index: number, points: (values: Ends) => Point[]): SVGElement[] {
	const dots = points(one.mean).map(([cx, cy]) =>
		s("circle", { class: "iw-null-dot", cx, cy, r: 3 }),
	);
	return index ? [stroke("iw-null", points(one.mean)), ...dots] : dots;
}

function gridOf(
	low: number,
	high: number,
	metric: string,
	right: number,
	y: (value: number) => number,
): SVGElement[] {
	const across = (value: number) => ({ x1: LEFT, x2: right, y1: y(value), y2: y(value) });
	const ticks = niceTicks(low, high, 7).flatMap((tick) => [
		s("line", { class: "iw-grid", ...across(tick) }),
		s("text", { x: LEFT - 10, y: y(tick) + 4, "text-anchor": "end" }, tickText(metric, tick)),
	]);
	return [...ticks, s("line", { class: "iw-axis", ...across(low) })];
}

const tickText = (metric: string, tick: number): string =>
	metric === "accuracy"
		? `${Math.round(tick * 100)}${tick === 1 ? " %" : ""}`
		: String(tick).replace("-", "−");

const whiskers = (
	{ low, high }: WireCurve,
	x: (index: number) => number,
	y: (value: number) => number,
): SVGElement[] =>
	low.flatMap((from, i) => {
		const to = high[i];
		if (from === null || to === null || to === undefined) return [];
		return [s("line", { class: "iw-whisker", x1: x(i), x2: x(i), y1: y(from), y2: y(to) })];
	});

const last = (values: Ends): number | null => values.findLast((value) => value !== null) ?? null;

/** Every line is labelled where it ends, a control with what it is of. */
function endNames(curve: WireCurve, x: number, y: (value: number) => number): SVGElement[] {
	const lines = [
		{ name: "probe", more: "", ends: curve.value },
		...curve.nulls.map(({ name, n, mean }) => ({ name, more: `n = ${n}, 95 %`, ends: mean })),
	].flatMap(({ ends, ...one }) => {
		const end = last(ends);
		return end === null ? [] : [{ ...one, y: y(end) + 4 }];
	});
	const placed = spread(
		lines.map((line) => line.y),
		NAME_GAP,
		TOP + HEIGHT - 8,
	);
	return lines.flatMap(({ name, more }, i) => {
		const at = placed[i] ?? 0;
		const first = s("text", { x, y: at, class: i ? "iw-ink" : "iw-pb-own" }, name);
		return more ? [first, s("text", { x, y: at + 14, class: "iw-faint" }, more)] : [first];
	});
}

function layerNames(
	{ layers }: ProbePayload,
	chosen: number,
	x: (index: number) => number,
	step: number,
): SVGElement[] {
	const every = Math.max(1, Math.ceil(LABEL_WIDTH / (step || LABEL_WIDTH)));
	return layers.flatMap((layer, i) => {
		const near = i !== chosen && Math.abs(i - chosen) < every && every > 1;
		if (i !== chosen && (i % every || near)) return [];
		const cls = i === chosen ? "iw-here-text" : "";
		const at = { x: x(i), y: TOP + HEIGHT + 20, "text-anchor": "middle", class: cls };
		return [s("text", at, layerName(layer))];
	});
}

function valueAt(
	curve: WireCurve,
	metric: string,
	index: number,
	chosen: boolean,
	x: (index: number) => number,
	y: (value: number) => number,
): SVGElement[] {
	const value = curve.value[index];
	if (value === null || value === undefined) return [];
	const span = spanText(metric, curve.low[index], curve.high[index]);
	const text = [metricText(metric, value), span].filter(Boolean).join(", ");
	const left = x(index) - LEFT > 100;
	const top = Math.min(y(value), y(curve.high[index] ?? value));
	const above = top - TOP > 14;
	const at = {
		x: x(index) + (left ? -9 : 9),
		y: above ? top - 4 : y(curve.low[index] ?? value) + 18,
	};
	const cls = chosen ? "iw-here-text iw-halo" : "iw-ink iw-halo";
	return [s("text", { ...at, "text-anchor": left ? "end" : "start", class: cls }, text)];
}
