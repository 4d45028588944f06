import { h, memo, s, set } from "../../../shared/dom";
import { colour, textOn } from "../../../shared/ramp";
import { place } from "../labels";
import type { Drawn } from "../map";
import type { Core } from "../view";
import { rowFor, shownInCell, sumOf } from "./words";

const PRINT_CELL = 24;
const PRINT_LEAST = 0.05;
const MARK_CELL = 12;
const CLIP_CELL = 8;
const MINUS_LEAST = 0.08;

/** What stands on the map's cells: numbers of the selected row, signs, clipped corners; its ticks. */
export function makeCells({ map, life }: Core): (drawn: Drawn) => void {
	const marks = s("g", { class: "iw-cells" });
	const numbers = s("g", { class: "iw-num" });
	const node = s("svg", { class: "iw-svg", "aria-hidden": "true" }, marks, numbers);
	map.canvas.after(node);
	const ticks = h("div", { class: "iw-labels", "aria-hidden": "true" });
	map.box.append(ticks);
	const onView = memo();
	const onCells = memo();
	const onNumbers = memo();
	return (drawn) => {
		const { scene, layout } = drawn;
		const { head, view, ink, coming, query, causal } = scene;
		const exact = view?.pooled === 1 && !coming;
		set(map.canvas, {
			"data-head": head?.join(".") ?? null,
		});
		onView([view, exact], () => {
			set(map.canvas, { "data-sum": null });
			if (!exact) return;
			// after the picture: of two million numbers it takes longer than to draw them
			life.after(0, () => set(map.canvas, { "data-sum": sumOf(view.matrix).toFixed(3) }));
		});
		set(node, { width: layout.gutter + layout.side, height: layout.top + layout.side });
		onCells([view, ink, layout, causal], () => marks.replaceChildren(...markCells(drawn)));
		onNumbers([view, ink, layout, query], () => numbers.replaceChildren(...printRow(drawn)));
		ticks.replaceChildren(...(layout.keys === "none" ? drawTicks(drawn) : []));
	};
}

/** A centred minus in what is below zero, a clipped corner in what is beyond the scale. */
function markCells(drawn: Drawn): Node[] {
	const { scene, layout, window } = drawn;
	const { ink, payload, causal } = scene;
	const { gutter, top, unit } = layout;
	const beyond = ink.top < payload.scale && unit >= CLIP_CELL;
	if (!(beyond || (ink.signed && unit >= MARK_CELL))) return [];
	const paths = { "#000": "", "#fff": "", clip: "" };
	const [q0, q1, k0, k1] = window;
	for (let query = q0; query < q1; query++) {
		const row = rowFor(scene, query);
		for (let key = k0; key < Math.min(k1, causal ? query + 1 : k1); key++) {
			const value = row[key] ?? 0;
			const [x, y] = [gutter + (key - k0) * unit, top + (query - q0) * unit];
			const inner = unit - (unit >= 6 ? 1 : 0);
			const cut = Math.max(3, unit * 0.25);
			if (beyond && Math.abs(value) > ink.top)
				paths.clip += `M${x + inner - cut},${y}h${cut}v${cut}z`;
			if (!ink.signed || unit < MARK_CELL || value > -MINUS_LEAST * ink.top) continue;
			if (query === scene.query && unit >= PRINT_CELL) continue; // its number says it
			const wide = Math.min(9, unit * 0.4);
			const on = textOn(colour(ink.theme, value / ink.top));
			paths[on] += `M${x + (inner - wide) / 2},${y + inner / 2}h${wide}`;
		}
	}
	return [
		s("path", { d: paths.clip, class: "iw-clip" }),
		s("path", { d: paths["#000"], stroke: "#000" }),
		s("path", { d: paths["#fff"], stroke: "#fff" }),
	];
}

function printRow({ scene, layout, window: [q0, q1, k0, k1] }: Drawn): Node[] {
	const { query, ink, view } = scene;
	const { gutter, top, unit } = layout;
	if (view?.pooled !== 1 || unit < PRINT_CELL + (ink.signed ? 4 : 0)) return [];
	if (query < q0 || query >= q1) return [];
	const row = rowFor(scene, query);
	const nodes: Node[] = [];
	for (let key = k0; key < k1; key++) {
		const value = row[key] ?? 0;
		if (!(Math.abs(value) >= Math.max(PRINT_LEAST * ink.top, 0.005))) continue;
		const x = gutter + (key - k0 + 0.5) * unit - 0.5;
		const style = `fill:${textOn(colour(ink.theme, value / ink.top))}`;
		const y = top + (query - q0 + 0.5) * unit + 3.5;
		nodes.push(s("text", { x, y, style }, shownInCell(scene, value)));
	}
	return nodes;
}

/** Positions down the left side, where tokens have no room; none under a token's name. */
function drawTicks({ scene, layout, window }: Drawn): Node[] {
	const [q0, q1] = window;
	let step = 8;
	while (step < ((q1 - q0) * 40) / layout.side) step *= 2;
	const near = (at: number | null, i: number) => at !== null && Math.abs(at - i) * layout.unit < 16;
	const names = [scene.query, scene.state.hover[0], ...scene.state.tokens];
	const nodes: Node[] = [];
	for (let i = Math.ceil(q0 / step) * step; i < q1; i += step) {
		if (names.some((name) => near(name, i))) continue;
		nodes.push(h("span", { class: "iw-tick", style: place(layout, window, false, i) }, String(i)));
	}
	return nodes;
}
