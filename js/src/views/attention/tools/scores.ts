import type { ScoredHeads } from "../../../contract.gen";
import { choice, tick } from "../../../shared/controls";
import { h, memo, s, word } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { headName, type Scene } from "../scene";
import type { HeadId, State } from "../state";
import type { Sorted } from "../thumbs";
import type { Core } from "../view";
import { sortedLayout } from "./layout";
import { roundUp } from "./ramp";
import { scoreIn, scoreOf, scoresOf } from "./words";

const WORDS = 3;
const HEIGHT = 82;
const AXIS = 46;
const DOT = 3;

/** Heads from the highest score to the lowest; null while thumbnails stand by layer. */
export function sortedBy(state: State, width: number): Sorted | null {
	const { payload } = state;
	const score = payload && state.sorted ? scoreOf({ payload, state }) : null;
	if (!payload || !score) return null;
	const { layers, heads } = payload;
	const all = layers.flatMap((layer) => heads.map((head): HeadId => [layer, head]));
	const rank = (head: HeadId) => scoreIn(score, payload, head) ?? Number.NEGATIVE_INFINITY;
	const order = all.sort((a, b) => rank(b) - rank(a));
	return { layout: sortedLayout(width, order.length), order };
}

/** Over the thumbnails the choice of a score, under them what every head has of it. */
export function makeScores({ thumbs, life, acts, state }: Core): (scene: Scene) => void {
	const onChoice = memo();
	const onDots = memo();
	const onWidth = memo();
	let width = 0;
	let wide = false;
	const sort = tick(life, "sort", () => acts.set({ sorted: !state().sorted }));
	const more = word("more", { class: "iw-t iw-act" });
	life.on(more, "click", () => {
		wide = !wide;
		thumbs.above.classList.toggle("iw-all", wide);
		more.textContent = wide ? "fewer" : "more";
	});
	const words = choice(life, "score", (score) => acts.set({ score }));
	thumbs.above.append(h("b", {}, "Score"), words.node, more, sort.node);
	life.on(thumbs.below, "click", ({ target }) => {
		const dot = target instanceof Element ? target.getAttribute("data-dot") : null;
		if (dot) acts.head(dot.split(",").map(Number) as [number, number], new MouseEvent("click"));
	});
	return (scene) => {
		const scores = scoresOf(scene);
		const score = scoreOf(scene);
		if (!scores.length) return;
		const chosen = score?.name ?? scene.state.score ?? "";
		onChoice([scores, chosen, scene.state.sorted], () => {
			const first = scores.slice(0, WORDS);
			const late = scores.slice(WORDS).find(({ name }) => name === chosen);
			if (late) first.splice(WORDS - 1, 1, late);
			const rest = scores.filter((one) => !first.includes(one));
			words.show([...first, ...rest], chosen, first.length);
			more.hidden = rest.length === 0;
			sort.show(scene.state.sorted ?? false);
		});
		onWidth([thumbs.cells(), scene.width], () => {
			width = Math.min(thumbs.grid.offsetWidth || 400, scene.width);
		});
		onDots([score, scene.head, scene.state.heads, width], () => {
			thumbs.below.replaceChildren(...(score ? [dots(scene, score, width)] : []));
		});
	};
}

/** All heads on one axis, the null's band behind them; heads beyond it are filled and named. */
function dots(scene: Scene, score: ScoredHeads, width: number): SVGElement {
	const { layers, heads } = scene.payload;
	const all = layers.flatMap((layer, i) =>
		heads.flatMap((head, j) => {
			const value = score.values[i]?.[j];
			return value == null ? [] : [{ id: [layer, head] as HeadId, value }];
		}),
	);
	const numbers = [...all.map(({ value }) => value), score.high ?? 0, score.low ?? 0, 0];
	const [least, most] = [Math.min(...numbers), Math.max(1e-6, ...numbers)];
	const [left, right] = [scene.state.sorted ? 4 : 40, width - 8];
	const x = (value: number) => left + ((value - least) / (most - least)) * (right - left);
	const svg = s("svg", { class: "iw-dot", width, height: HEIGHT, "aria-hidden": "true" });
	const line = (y: number) => s("path", { d: `M${left},${y}H${right}`, class: "iw-axis" });
	if (score.low !== null && score.high !== null) {
		const [from, to] = [x(score.low), x(score.high)];
		const band = { x: from, y: AXIS - 24, width: Math.max(1, to - from), height: 24 };
		const name = score.null_title.includes("%")
			? score.null_title
			: `${score.null_title}, 95\u2009%`;
		svg.append(s("rect", { class: "iw-band", ...band }));
		svg.append(s("text", { x: Math.min(from, right - 120), y: AXIS - 30, class: "iw-dim" }, name));
	}
	svg.append(line(AXIS));
	const step = roundUp((most - least) / 4);
	for (let i = Math.ceil(least / step); i * step <= most * 1.001; i++)
		svg.append(
			s(
				"text",
				{ x: x(i * step), y: AXIS + 14, class: "iw-mid" },
				i ? weight(i * step, step < 0.01 ? 3 : step < 0.1 ? 2 : 1).replace(/\.0$/, "") : "0",
			),
		);
	const title = `score of each head: ${score.title}`;
	svg.append(s("text", { x: right, y: AXIS + 30, class: "iw-end" }, title));
	drawDots(svg, scene, score, all, x);
	return svg;
}

function drawDots(
	svg: SVGElement,
	{ state, head }: Scene,
	{ low, high }: ScoredHeads,
	all: readonly { id: HeadId; value: number }[],
	x: (value: number) => number,
): void {
	const inside = (value: number) => low !== null && high !== null && value >= low && value <= high;
	const selected = new Set([...state.heads, ...(head ? [head] : [])].map(String));
	const stacks = new Map<number, number>();
	const named: number[] = [];
	const above: Node[] = [];
	const marked = [...all].sort(
		(a, b) =>
			Number(selected.has(String(b.id))) - Number(selected.has(String(a.id))) || b.value - a.value,
	);
	for (const { id, value } of marked) {
		const at = x(value);
		const column = Math.round(at / (2 * DOT));
		const height = stacks.get(column) ?? 0;
		stacks.set(column, height + 1);
		const you = selected.has(String(id));
		const y = you ? AXIS - 9 : AXIS - 5 - Math.min(height * 2 * DOT, 17);
		const cls = you ? "iw-you-dot" : inside(value) ? "iw-null" : "iw-out";
		const dot = s("circle", {
			cx: at,
			cy: y,
			r: you ? 4 : DOT,
			class: cls,
			"data-dot": String(id),
		});
		dot.append(s("title", {}, `${headName(id)} ${weight(value)}`));
		if (you) above.push(dot);
		else svg.append(dot);
		const free = named.every((other) => Math.abs(other - at) > 28);
		if (!free || !(you || (!inside(value) && named.length < 6))) continue;
		named.push(at);
		const end = you ? " iw-you-name" : "";
		above.push(s("text", { x: at, y: AXIS - 17, class: `iw-mid${end}` }, id.join(".")));
	}
	svg.append(...above);
}
