import { s, set } from "../../shared/dom";
import { inCell } from "../../shared/format";
import { colour, textOn } from "../../shared/ramp";
import { rowOf } from "../../shared/tensor";
import type { MapLayout } from "./layout";
import type { Scene } from "./scene";
import type { Zoom } from "./zoom";

const PRINT_CELL = 24;
const PRINT_LEAST = 0.05;

/** The frames over the map's pixels, and the numbers in the selected row. */
export function makeMarks() {
	const row = s("rect", { class: "iw-sel" });
	const hover = s("rect", { class: "iw-hov" });
	const numbers = s("g", { class: "iw-num" });
	const node = s("svg", { class: "iw-svg", "aria-hidden": "true" }, numbers, row, hover);
	return {
		node,
		draw(scene: Scene, layout: MapLayout, window: Zoom) {
			const { gutter, top, side } = layout;
			set(node, { width: gutter + side + 4, height: top + side + 4 });
			frameRow(row, scene, layout, window);
			frameCell(hover, scene, layout, window);
			numbers.replaceChildren(...printRow(scene, layout, window));
		},
	};
}

function frame(rect: SVGRectElement, x: number, y: number, width: number, height: number): void {
	set(rect, { x: x - 1.5, y: y - 1.5, width: width + 2, height: height + 2, visibility: null });
}

function frameRow(rect: SVGRectElement, scene: Scene, layout: MapLayout, [q0, q1, k0]: Zoom): void {
	const { query, payload } = scene;
	const { gutter, top, unit, side } = layout;
	const across = payload.causal ? Math.min(side, (query + 1 - k0) * unit) : side;
	if (query < q0 || query >= q1 || across <= 0) set(rect, { visibility: "hidden" });
	else frame(rect, gutter, top + (query - q0) * unit, across, Math.max(4, unit));
}

function frameCell(rect: SVGRectElement, { state }: Scene, layout: MapLayout, window: Zoom): void {
	const { query, key } = state.hover;
	const [q0, q1, k0, k1] = window;
	const inside =
		query !== null && key !== null && query >= q0 && query < q1 && key >= k0 && key < k1;
	const { gutter, top, unit } = layout;
	if (!inside) {
		set(rect, { visibility: "hidden" });
		return;
	}
	const size = Math.max(5, unit);
	frame(rect, gutter + (key - k0) * unit, top + (query - q0) * unit, size, size);
}

function printRow({ view, query, ink, theme }: Scene, layout: MapLayout, window: Zoom): Node[] {
	const [q0, q1, k0, k1] = window;
	const { gutter, top, unit } = layout;
	if (!view || view.pooled > 1 || unit < PRINT_CELL || query < q0 || query >= q1) return [];
	const values = rowOf(view.matrix, query);
	const nodes: Node[] = [];
	for (let key = k0; key < k1; key++) {
		const value = values[key] ?? 0;
		if (!(value >= PRINT_LEAST)) continue;
		const x = gutter + (key - k0 + 0.5) * unit - 0.5;
		const style = `fill:${textOn(colour(theme, value / ink.scale))}`;
		nodes.push(s("text", { x, y: top + (query - q0 + 0.5) * unit + 3.5, style }, inCell(value)));
	}
	return nodes;
}
