import type { ProbePayload } from "../../../contract.gen";
import { div, h, memo, s, set } from "../../../shared/dom";
import { percent, plural } from "../../../shared/format";
import { clamp } from "../../../shared/keys";
import { makeSlider, stroke } from "../../../shared/slider";
import {
	curveOf,
	layerName,
	metricText,
	niceStep,
	niceTicks,
	scoreText,
	spanText,
} from "../numbers";
import { chosenLayer, chosenProbe, type Read, readOf, type State } from "../state";
import type { Core } from "../view";
import { countsOf, histogramOf, type Roc, rocOf } from "./measure";

const [LEFT, TOP, SIDE, BINS] = [44, 12, 228, 24];

/** What stands beside the curve, of the layer on screen. */
interface Shown {
	state: State;
	payload: ProbePayload;
	read: Read;
	/** The class that scores above the threshold, and the other. */
	names: readonly [string, string];
	layer: string;
}

/** ROC and scores with their threshold; of amounts a scatter. */
export function makePlots(core: Core): (state: State, payload: ProbePayload) => void {
	const { life, roc, scores, dispatch, state: now } = core;
	const onRead = memo();
	const onDraw = memo();
	const slider = makeSlider(life, "threshold", {
		input: (threshold) => dispatch({ type: "kept", kept: { threshold } }),
	});
	const plot = div("pb-plot");
	const counts = div("pb-counts");
	scores.append(plot, slider.node, counts);
	let read: Read | null = null;
	let drawnRoc: Roc | null = null;
	life.on(roc, "click", (event) => {
		const svg = roc.querySelector("svg");
		const { kept } = now();
		if (!svg || !drawnRoc) return;
		const { left, top } = svg.getBoundingClientRect();
		const side = sideOf(roc);
		const at = [(event.clientX - left - LEFT) / side, 1 - (event.clientY - top - TOP) / side];
		const threshold = nearest(drawnRoc, at[0] ?? 0, at[1] ?? 0);
		if (threshold !== kept.threshold) dispatch({ type: "kept", kept: { threshold } });
	});

	return (state, payload) => {
		const { kept } = state;
		const probe = chosenProbe(state);
		const layer = chosenLayer(state);
		onRead([payload, probe, layer, kept.part, kept.output], () => {
			read = readOf(state);
		});
		const amounts = payload.task === "regression";
		slider.node.hidden = amounts || !read?.score.length;
		counts.hidden = slider.node.hidden;
		roc.classList.toggle("iw-pb-wide", amounts);
		scores.hidden = amounts;
		const width = scores.clientWidth || roc.clientWidth;
		const asked = [read, kept.threshold, width, kept.metric, sideOf(roc)];
		onDraw(asked, () => {
			const shown = shownOf(state, payload, read);
			if (!shown?.read.score.length) return nothing(roc, plot, read !== null);
			if (amounts) return roc.replaceChildren(...scatter(shown, sideOf(roc)));
			const { least, most, step } = rangeOf(shown.read);
			const at = clamp(kept.threshold, least, most);
			drawnRoc = rocOf(shown.read.score, shown.read.target);
			roc.replaceChildren(...rocNodes(shown, drawnRoc, at, sideOf(roc)));
			plot.replaceChildren(...scoreNodes(shown, at, least, most, plot.clientWidth || 232));
			slider.draw({
				...{ value: at, home: 0, least, most, step },
				text: `threshold ${scoreText(at)}`,
			});
			counts.replaceChildren(countTable(shown, at));
		});
	};
}

/** Never a blank: what there is instead, in words. */
function nothing(roc: HTMLElement, plot: HTMLElement, known: boolean): void {
	const why = known ? "no text of this part has a score here" : "scores of this probe are not here";
	roc.replaceChildren(div("h", h("b", {}, "ROC")), div("dim", why));
	plot.replaceChildren();
}

const sideOf = (roc: HTMLElement): number =>
	Math.max(120, Math.min(SIDE, (roc.clientWidth || SIDE + LEFT) - LEFT - 12));

function shownOf(state: State, payload: ProbePayload, read: Read | null): Shown | null {
	if (!read) return null;
	const { classes } = payload;
	const several = classes.length > 2;
	const names: [string, string] = several
		? [classes[clamp(state.kept.output, 0, classes.length - 1)] ?? "", "the rest"]
		: [classes[1] ?? "", classes[0] ?? ""];
	const layer = layerName(payload.layers[chosenLayer(state)] ?? 0);
	return { state, payload, read, names, layer };
}

/** Round ends, so that 0 is a step of the slider. */
function rangeOf({ score }: Read) {
	const [low, high] = [Math.min(...score, 0), Math.max(...score, 0)];
	const step = niceStep((high - low || 1) / 200);
	const wide = niceStep((high - low || 1) / 24);
	const least = Math.floor(low / wide) * wide;
	const most = Math.max(Math.ceil(high / wide), least / wide + 1) * wide;
	return { least, most, step };
}

/** The threshold of the point of a curve that is nearest. */
function nearest(roc: Roc, x: number, y: number): number {
	let best = 1;
	const off = (i: number) =>
		Math.hypot((roc.falsePositive[i] ?? 0) - x, (roc.truePositive[i] ?? 0) - y);
	for (let i = 1; i < roc.threshold.length; i++) if (off(i) < off(best)) best = i;
	// a score at its own threshold is not above it
	const at = roc.threshold[best] ?? 0;
	const below = roc.threshold[best + 1] ?? at - 1;
	return Number(((at + below) / 2).toFixed(4));
}

function rocNodes(
	{ state, payload, read, names, layer }: Shown,
	roc: Roc,
	at: number,
	side: number,
) {
	const x = (value: number) => LEFT + value * side;
	const y = (value: number) => TOP + (1 - value) * side;
	const svg = s("svg", { class: "iw-pb-svg", width: LEFT + side + 12, height: TOP + side + 44 });
	const [[, fp], [, tp]] = countsOf(read.score, read.target, at);
	const positives = read.target.filter((one) => one === 1).length;
	const here = [fp / (read.target.length - positives || 1), tp / (positives || 1)] as const;
	const points = roc.falsePositive.map(
		(rate, i) => [x(rate), y(roc.truePositive[i] ?? 0)] as const,
	);
	svg.append(
		s("rect", { class: "iw-pb-frame", x: x(0), y: y(1), width: side, height: side }),
		stroke("iw-null", [
			[x(0), y(0)],
			[x(1), y(1)],
		]),
		...[0, 0.5, 1].flatMap((tick) => [
			s("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
			s("text", { x: x(tick), y: TOP + side + 20, "text-anchor": "middle" }, String(tick)),
		]),
		s("text", { x: x(0.5), y: TOP + side + 38, "text-anchor": "middle" }, "false positive rate"),
		s(
			"text",
			{ transform: `translate(11,${y(0.5)}) rotate(-90)`, "text-anchor": "middle" },
			"true positive rate",
		),
		stroke("iw-line", points),
		...rocWords({ state, payload, read, names, layer }, roc, x, y),
		s("circle", { class: "iw-here-dot", cx: x(here[0]), cy: y(here[1]), r: 5 }),
		thresholdName(at, x(here[0]), y(here[1]), here[1] - here[0] > 0.3),
	);
	const of = payload.classes.length > 2 ? `${names[0]} against the rest` : "";
	return [div("h", h("b", {}, `ROC at ${layer}`), of), svg];
}

/** Below a point far from the diagonal, above one near it: there are words below. */
function thresholdName(at: number, x: number, y: number, far: boolean): SVGElement {
	const left = !far && x > LEFT + 100;
	const place = { x: x + (left ? -9 : 9), y: y + (far ? 17 : -7) };
	const anchor = left ? "end" : "start";
	const cls = "iw-here-text iw-halo";
	return s("text", { ...place, "text-anchor": anchor, class: cls }, `threshold ${scoreText(at)}`);
}

/** The area with its interval, and what the controls reach; labelled in place. */
function rocWords(
	{ state, payload }: Shown,
	roc: Roc,
	x: (value: number) => number,
	y: (value: number) => number,
): SVGElement[] {
	const two = payload.classes.length === 2;
	const layer = chosenLayer(state);
	const curve = curveOf(payload, state.kept.part, 1, chosenProbe(state));
	const area = two ? (curve?.value[layer] ?? roc.area) : roc.area;
	const span = two ? spanText("AUROC", curve?.low[layer], curve?.high[layer]) : "";
	const own = { x: x(0.3), y: y(0.66) };
	const words = [
		s("text", { ...own, class: "iw-pb-own iw-halo" }, `AUROC ${metricText("AUROC", area)}`),
		s("text", { ...own, y: own.y + 15, class: "iw-faint iw-halo" }, span),
	];
	const nulls = two ? (curve?.nulls ?? []).slice(0, 2) : [];
	for (const [i, one] of nulls.entries()) {
		const at = { x: x(0.97), y: y(0.3) + i * 32, "text-anchor": "end" };
		const ends = spanText("AUROC", one.low[layer], one.high[layer]);
		const text = `${metricText("AUROC", one.mean[layer])}, ${ends}`;
		words.push(
			s("text", { ...at, class: "iw-ink iw-halo" }, one.name),
			s("text", { ...at, y: at.y + 14, class: "iw-faint iw-halo" }, text),
		);
	}
	return words;
}

function scoreNodes(
	{ read, names, layer }: Shown,
	at: number,
	least: number,
	most: number,
	width: number,
) {
	const { positive, negative } = histogramOf(read.score, read.target, least, most, BINS);
	const top = Math.max(1, ...positive, ...negative);
	const middle = TOP + SIDE / 2;
	const x = (value: number) => ((value - least) / (most - least)) * width;
	const bin = width / BINS;
	const tall = (count: number) => (count / top) * (SIDE / 2 - 34);
	const svg = s("svg", { class: "iw-pb-svg", width, height: TOP + SIDE + 24 });
	const n = read.target.filter((one) => one === 1).length;
	const bars = (counts: readonly number[], cls: string, up: boolean) =>
		counts.flatMap((count, i) => {
			if (!count) return [];
			const [height, left] = [tall(count), i * bin];
			const place = { x: left + 0.5, width: Math.max(1, bin - 1), height };
			return [s("rect", { ...place, class: cls, y: up ? middle - 1 - height : middle + 1 })];
		});
	const name = (text: string, count: number, cls: string, place: object) => [
		s("text", { ...place, class: `${cls} iw-halo` }, text),
		s(
			"text",
			{ ...place, y: (place as { y: number }).y + 14, class: "iw-faint iw-halo" },
			`n = ${count}`,
		),
	];
	svg.append(
		...bars(positive, "iw-pb-more", true),
		...bars(negative, "iw-pb-less", false),
		s("line", { class: "iw-axis", x1: 0, x2: width, y1: middle, y2: middle }),
		s("line", { class: "iw-here", x1: x(at), x2: x(at), y1: TOP, y2: TOP + SIDE }),
		...name(names[0], n, "iw-pb-morename", { x: 0, y: TOP + 10 }),
		...name(names[1], read.target.length - n, "iw-pb-lessname", {
			...{ x: width, y: TOP + SIDE - 18, "text-anchor": "end" },
		}),
		...niceTicks(least, most, 5).map((tick) => {
			const anchor = x(tick) < 12 ? "start" : x(tick) > width - 12 ? "end" : "middle";
			return s(
				"text",
				{ x: x(tick), y: TOP + SIDE + 14, "text-anchor": anchor, class: "iw-halo" },
				tick ? scoreText(tick, Math.abs(tick) % 1 ? 1 : 0) : "0",
			);
		}),
	);
	return [div("h", h("b", {}, "Scores"), `at ${layer}, log-odds`), svg];
}

/** What the threshold makes of the texts. */
function countTable({ read, names }: Shown, at: number): HTMLElement {
	const [[tn, fp], [fn, tp]] = countsOf(read.score, read.target, at);
	const [positive, negative] = names;
	const cell = (count: number, right: boolean) =>
		h("td", { class: right ? "iw-b" : "" }, String(count));
	const head = ["", `said ${positive}`, `said ${negative}`].map((name) => h("th", {}, name));
	const share = (tp + tn) / (read.score.length || 1);
	return h(
		"table",
		{},
		h("tr", {}, ...head),
		h("tr", {}, h("th", {}, positive), cell(tp, true), cell(fn, false)),
		h("tr", {}, h("th", {}, negative), cell(fp, false), cell(tn, true)),
		h(
			"caption",
			{},
			`threshold ${scoreText(at)}: ${percent(share)} of ${plural(read.score.length, "text")} right`,
		),
	);
}

/** Of amounts: what the probe says against what it is. */
function scatter({ read, payload, state, layer }: Shown, side: number): Node[] {
	const all = [...read.score, ...read.target];
	const [low, high] = [Math.min(...all), Math.max(...all)];
	const span = high - low || 1;
	const x = (value: number) => LEFT + ((value - low) / span) * side;
	const y = (value: number) => TOP + (1 - (value - low) / span) * side;
	const svg = s("svg", { class: "iw-pb-svg" });
	set(svg, { width: LEFT + side + 12, height: TOP + side + 44 });
	const tick = (value: number) => String(value).replace("-", "−");
	svg.append(
		s("rect", { class: "iw-pb-frame", x: LEFT, y: TOP, width: side, height: side }),
		stroke("iw-null", [
			[x(low), y(low)],
			[x(high), y(high)],
		]),
		...niceTicks(low, high, 3).flatMap((value) => [
			s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, tick(value)),
			s("text", { x: x(value), y: TOP + side + 20, "text-anchor": "middle" }, tick(value)),
		]),
		s(
			"text",
			{ x: LEFT + side / 2, y: TOP + side + 38, "text-anchor": "middle" },
			payload.about || "amount",
		),
		s(
			"text",
			{ transform: `translate(11,${TOP + side / 2}) rotate(-90)`, "text-anchor": "middle" },
			"the probe says",
		),
		...read.score.map((score, i) =>
			s("circle", { class: "iw-pb-point", cx: x(read.target[i] ?? 0), cy: y(score), r: 2.5 }),
		),
	);
	const facts = payload.metrics.map((name, i) => {
		const curve = curveOf(payload, state.kept.part, i, chosenProbe(state));
		const at = chosenLayer(state);
		const ends = spanText(name, curve?.low[at], curve?.high[at]);
		return `${name} ${metricText(name, curve?.value[at])}${ends ? `, ${ends}` : ""}`;
	});
	return [div("h", h("b", {}, `Said and true at ${layer}`), facts.join(" · ")), svg];
}
