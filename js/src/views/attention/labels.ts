import { h } from "../../shared/dom";
import { tokenNode } from "../../shared/tokens";
import { LABEL_MAX, type MapLayout } from "./layout";
import type { Scene } from "./scene";
import type { Zoom } from "./zoom";

const TILT_SHORT = 11;

type Side = "query" | "key";

interface Label {
	node: HTMLElement;
	side: Side;
	position: number;
}

function place({ node, side, position }: Label, layout: MapLayout, window: Zoom): void {
	const { gutter, top, unit, keys, side: square } = layout;
	const middle = (position - window[side === "query" ? 0 : 2] + 0.5) * unit;
	if (side === "query") {
		node.style.cssText = `right:calc(100% - ${gutter - 8}px);top:${top + middle - 8}px`;
	} else if (keys === "above") {
		node.style.cssText = `left:${gutter + middle}px;top:${top - 20}px;translate:-50%;max-width:${unit - 4}px`;
	} else if (keys === "tilted") {
		node.style.cssText = `left:${gutter + middle - 4}px;top:${top - 18}px;rotate:-50deg;transform-origin:0 100%`;
	} else {
		const stair = window[0] === window[2] ? middle - unit / 2 : 0;
		const height = Math.min(stair, square - 16);
		node.style.cssText = `left:${gutter + middle - unit / 2 + 2}px;top:${top + height - 19}px`;
	}
}

/** Token names along the map: all of them where cells are large, else those of the marked cells. */
export function makeLabels() {
	const node = h("div", { class: "iw-labels", "aria-hidden": "true" });
	let labels: Label[] = [];

	const add = (scene: Scene, layout: MapLayout, window: Zoom, side: Side, position: number) => {
		const token = scene.payload.tokens[position];
		const [from, to] = side === "query" ? [window[0], window[1]] : [window[2], window[3]];
		if (!token || position < from || position >= to) return;
		const max = layout.keys === "tilted" && side === "key" ? TILT_SHORT : LABEL_MAX;
		const label = {
			node: h("span", { class: `iw-lab-${side}` }, tokenNode(token, max)),
			side,
			position,
		};
		place(label, layout, window);
		labels.push(label);
		node.append(label.node);
	};

	return {
		node,
		/** Every label of the window. */
		all(scene: Scene, layout: MapLayout, window: Zoom) {
			node.replaceChildren();
			labels = [];
			if (layout.keys === "none") return;
			for (let i = window[0]; i < window[1]; i++) add(scene, layout, window, "query", i);
			for (let i = window[2]; i < window[3]; i++) add(scene, layout, window, "key", i);
		},
		mark(scene: Scene, layout: MapLayout, window: Zoom) {
			const { hover } = scene.state;
			if (layout.keys === "none") {
				node.replaceChildren(...ticks(layout, window, [scene.query, hover.query]));
				labels = [];
				add(scene, layout, window, "query", scene.query);
				if (hover.query !== null && hover.query !== scene.query) {
					add(scene, layout, window, "query", hover.query);
				}
				if (hover.key !== null) add(scene, layout, window, "key", hover.key);
			}
			for (const { node: label, side, position } of labels) {
				label.classList.toggle("iw-chosen", side === "query" && position === scene.query);
				label.classList.toggle("iw-b", position === hover[side]);
			}
		},
	};
}

/** Positions down the left side, where tokens have no room; none under a token's name. */
function ticks(layout: MapLayout, window: Zoom, names: readonly (number | null)[]): Node[] {
	const span = window[1] - window[0];
	const least = (span * 40) / layout.side;
	const step = [8, 16, 32, 64, 128, 256, 512].find((size) => size >= least) ?? 512;
	const nodes: Node[] = [];
	for (let i = Math.ceil(window[0] / step) * step; i < window[1]; i += step) {
		if (names.some((name) => name !== null && Math.abs(name - i) * layout.unit < 16)) continue;
		const tick = {
			node: h("span", { class: "iw-tick" }, String(i)),
			side: "query" as const,
			position: i,
		};
		place(tick, layout, window);
		nodes.push(tick.node);
	}
	return nodes;
}
