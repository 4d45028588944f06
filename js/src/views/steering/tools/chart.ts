import type { SteeringPayload, WireDose, WireLine } from "../../../contract.gen";
import { div, h, memo, s } from "../../../shared/dom";
import { stroke } from "../../../shared/slider";
import { act } from "../../../shared/status";
import { chosenDial, currentSetting, type State } from "../state";
import type { Core } from "../view";
import { at, number } from "./numbers";

const EFFECT_HEIGHT = 168;
const LOSS_HEIGHT = 64;
const GAP = 28;
const TOP = 12;

type Point = readonly [number, number];
interface Panel {
	line: WireLine;
	top: number;
	height: number;
	low: number;
	high: number;
	ticks: readonly number[];
}

/** What was measured of the chosen dial. */
export const doseOf = (state: State): WireDose | null =>
	state.payload?.doses.find(({ dial }) => dial === chosenDial(state)) ?? null;

/** A few round numbers from the lowest to the highest. */
function niceTicks(low: number, high: number): number[] {
	const span = high - low || 1;
	const rough = span / 3;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? rough;
	const ticks = [];
	for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step)
		ticks.push(Number(tick.toPrecision(6)));
	return ticks;
}

function panelOf(line: WireLine, top: number, height: number, share: boolean): Panel {
	const all = [line.mean, line.low, line.high, line.control_low, line.control_high].flat();
	const known = all.filter((value): value is number => value !== null);
	const low = share ? 0 : Math.min(...known);
	const high = share ? 1 : Math.max(...known);
	const pad = share ? 0 : (high - low || 1) * 0.06;
	const [from, to] = [low - pad, high + pad];
	return { line, top, height, low: from, high: to, ticks: niceTicks(from, to) };
}

/** Effect over loss over the slider, which is their x axis. */
export function makeChart({
	chart,
	sliders,
}: Core): (state: State, payload: SteeringPayload) => void {
	const onDraw = memo();
	return (state, payload) => {
		const track = sliders.track(chosenDial(state));
		const dose = doseOf(state);
		const box = track?.getBoundingClientRect();
		const left = box ? box.left - chart.getBoundingClientRect().left : 0;
		const width = Math.round(box?.width ?? 0);
		const strength = currentSetting(state)?.strengths[chosenDial(state)] ?? 0;
		onDraw([payload, dose, width, left, strength, state.offline], () => {
			if (dose && width > 0) chart.replaceChildren(...drawn(dose, payload, width, left, strength));
			else chart.replaceChildren(offer(state, payload));
		});
	};
}

/** Every effect has its control, or says how to get it. */
function offer(state: State, payload: SteeringPayload): Node {
	const name = payload.dials[chosenDial(state)]?.name ?? "";
	if (!payload.metric) {
		return div(
			"st-note",
			"No effect measured: iw.steer(..., answers=[...]) says which tokens count.",
		);
	}
	const run = act("run", "dose", {
		"data-dial": chosenDial(state),
		"aria-disabled": String(state.offline),
	});
	return h(
		"div",
		{ class: "iw-st-note" },
		`No dose-response of ${name} and no control yet · `,
		run,
	);
}

function drawn(
	dose: WireDose,
	payload: SteeringPayload,
	width: number,
	left: number,
	strength: number,
): Node[] {
	const share = dose.metric.startsWith("probability");
	const effect = panelOf(dose.effect, TOP, EFFECT_HEIGHT, share);
	const loss = panelOf(dose.loss, TOP + EFFECT_HEIGHT + GAP, LOSS_HEIGHT, false);
	const height = loss.top + LOSS_HEIGHT + 12;
	const end = payload.strongest;
	const x = (value: number) => left + ((value + end) / (2 * end)) * width;
	const svg = s("svg", { height, role: "img", "aria-label": `dose-response of ${dose.name}` });
	const names: readonly [Panel, string, string][] = [
		[effect, dose.name, dose.metric],
		[loss, "loss", "nats a token, own text"],
	];
	for (const [panel, name, more] of names) {
		svg.append(...panelNodes(panel, dose, x, left, width, panel === loss));
		svg.append(...endNames(panel, name, more, left + width + 8));
	}
	svg.append(...controlName(effect, dose, left + width + 8));
	svg.append(
		s("line", { class: "iw-here", x1: x(strength), x2: x(strength), y1: TOP, y2: height }),
		...[effect, loss].flatMap((panel) => hereDot(panel, dose, x, strength, panel === effect)),
	);
	const said = [`n = ${dose.n}`, dose.sampling, dose.place, dose.note].filter(Boolean).join(" · ");
	const stale = dose.stale ? [act("stale: run again", "dose", { "data-dial": dose.dial })] : [];
	return [div("h", h("b", {}, "Dose-response"), h("span", {}, said), ...stale), svg];
}

function panelNodes(
	panel: Panel,
	dose: WireDose,
	x: (value: number) => number,
	left: number,
	width: number,
	thin: boolean,
): SVGElement[] {
	const { line, top, height, low, high, ticks } = panel;
	const y = (value: number) => top + height - ((value - low) / (high - low)) * height;
	const points = (values: readonly (number | null)[]): Point[] =>
		values.flatMap((value, i) =>
			value === null ? [] : [[x(dose.strengths[i] ?? 0), y(value)] as const],
		);
	const [lows, highs] = [points(line.control_low), points(line.control_high)];
	const grid = ticks.flatMap((tick) => [
		s("line", { class: "iw-grid", x1: left, x2: left + width, y1: y(tick), y2: y(tick) }),
		s(
			"text",
			{ x: left - 8, y: y(tick) + 4, "text-anchor": "end" },
			number(tick, dose.metric, thin),
		),
	]);
	const band = [...lows, ...highs.reverse()];
	const whiskers = line.low.flatMap((value, i) => {
		const top = line.high[i];
		if (value === null || top === null || top === undefined) return [];
		const at = x(dose.strengths[i] ?? 0);
		return [s("line", { class: "iw-whisker", x1: at, x2: at, y1: y(value), y2: y(top) })];
	});
	const dots = thin
		? []
		: points(line.mean).map(([cx, cy]) => s("circle", { class: "iw-dotted", cx, cy, r: 3 }));
	return [
		...grid,
		...(band.length > 2 ? [s("polygon", { class: "iw-band", points: band.join(" ") })] : []),
		stroke("iw-null", points(line.control)),
		...(thin ? [] : whiskers),
		stroke(thin ? "iw-thin" : "iw-line", points(line.mean)),
		...dots,
	];
}

const last = (values: readonly (number | null)[]): number =>
	values.findLast((value): value is number => value !== null) ?? 0;

const yOf = ({ top, height, low, high }: Panel, value: number): number =>
	top + height - ((value - low) / (high - low)) * height;

function endNames(panel: Panel, name: string, more: string, x: number): SVGElement[] {
	const y = Math.max(panel.top + 10, yOf(panel, last(panel.line.mean)));
	const short = more.length > 18 ? `${more.slice(0, 17)}…` : more;
	const node = s("text", { x, y: y + 14 }, short);
	node.append(s("title", {}, more));
	return [s("text", { x, y, "font-weight": 600 }, name.slice(0, 14)), node];
}

/** Labelled in place, with kind and n; not over the other name. */
function controlName(panel: Panel, { n_control: n }: WireDose, x: number): SVGElement[] {
	if (!n) return [];
	const own = Math.max(panel.top + 10, yOf(panel, last(panel.line.mean)));
	const wanted = yOf(panel, last(panel.line.control));
	const y = Math.abs(wanted - own) < 32 ? own + (wanted < own ? -34 : 34) : wanted;
	return [s("text", { x, y }, "random, as long"), s("text", { x, y: y + 14 }, `n = ${n}, 95 %`)];
}

function hereDot(
	panel: Panel,
	dose: WireDose,
	x: (value: number) => number,
	strength: number,
	named: boolean,
): SVGElement[] {
	const value = at(dose, panel.line.mean, strength);
	if (value === null) return [];
	const [cx, cy] = [x(strength), yOf(panel, value)];
	const dot = s("circle", { class: "iw-here-dot", cx, cy, r: 5 });
	if (!named) return [dot];
	const text = number(value, dose.metric, false);
	return [
		dot,
		s("text", { class: "iw-here-text", x: cx - 9, y: cy - 6, "text-anchor": "end" }, text),
	];
}
