import { s, set } from "../../shared/dom";
import type { MapLayout } from "./layout";
import type { Scene } from "./scene";
import type { Zoom } from "./state";

/** The frames over the map's pixels: selected rows, and the pair under the pointer. */
export function drawMarks(
	node: SVGElement,
	{ causal, query, state }: Scene,
	{ gutter, top, unit, side }: MapLayout,
	[q0, q1, k0, k1]: Zoom,
): void {
	set(node, { width: gutter + side + 4, height: top + side + 4 });
	const frame = (cls: string, row: number, key: number, across: number, down: number) =>
		row >= q0 && row < q1 && across > 0
			? [
					s("rect", {
						class: cls,
						x: gutter + (key - k0) * unit - 1.5,
						y: top + (row - q0) * unit - 1.5,
						width: across + 2,
						height: down + 2,
					}),
				]
			: [];
	const rowFrame = (row: number) => {
		const across = causal ? Math.min(side, (row + 1 - k0) * unit) : side;
		return frame(row === query ? "iw-sel" : "iw-sel iw-also", row, k0, across, Math.max(4, unit));
	};
	const others = state.tokens.filter((row) => row !== query).slice(0, 64);
	const [row, key] = state.hover;
	const size = Math.max(5, unit);
	const inside = row !== null && key !== null && key >= k0 && key < k1;
	const hover = inside ? frame("iw-hov", row, key, size, size) : [];
	node.replaceChildren(...[...others, query].flatMap(rowFrame), ...hover);
}
