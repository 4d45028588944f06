import { legend } from "../../shared/chrome";
import { h } from "../../shared/dom";
import { weight } from "../../shared/format";
import { rowOf } from "../../shared/tensor";
import { tokenNode } from "../../shared/tokens";
import type { MapLayout } from "./layout";
import type { Scene } from "./scene";
import type { Zoom } from "./zoom";

const POP_WIDTH = 190;

/** The exact value of one pair, in the map's free space or beside its cell. */
export function makeReadout() {
	const value = h("div", { class: "iw-read", "aria-live": "polite" });
	const key = h("div", { class: "iw-key" });
	const corner = h("div", { class: "iw-corner" }, key);
	const pop = h("div", { class: "iw-pop" });
	return {
		corner,
		pop,
		draw(scene: Scene, layout: MapLayout, window: Zoom) {
			const top = scene.ink.scale === 1 ? "1" : weight(scene.ink.scale);
			key.replaceChildren(legend("0", top, "attention weight; rows sum to 1"));
			const pair = pairOf(scene);
			value.replaceChildren(...(pair ? describe(scene, ...pair) : []));
			if (layout.corner !== null) {
				corner.append(value);
				corner.style.cssText = `right:calc(100% - ${layout.corner}px);top:${layout.top - 2}px`;
				corner.className = "iw-corner";
			} else {
				pop.append(value);
				corner.style.cssText = "";
				corner.className = "iw-below";
				beside(pop, scene, layout, window);
			}
			pop.hidden = layout.corner !== null || scene.state.hover.key === null;
		},
	};
}

/** The pair under the pointer, else the strongest key of the selected query. */
function pairOf({ state, view, query }: Scene): [query: number, key: number] | null {
	const { hover } = state;
	if (!view || view.pooled > 1) return null;
	if (hover.query !== null && hover.key !== null) return [hover.query, hover.key];
	const at = hover.query ?? query;
	const values = rowOf(view.matrix, at);
	let best = 0;
	for (let i = 1; i < values.length; i++) {
		if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
	}
	return [at, best];
}

function describe({ payload, view, state }: Scene, query: number, key: number): Node[] {
	const [from, to] = [payload.tokens[query], payload.tokens[key]];
	if (!from || !to || !view) return [];
	const number = rowOf(view.matrix, query)[key] ?? 0;
	const exact = view.precision === "float16";
	const shown = exact ? weight(number, 3) : weight(number);
	const error = exact ? "" : ` ±${((0.5 * payload.scale) / 254).toFixed(3).replace(/^0/, "")}`;
	const arrow = h("span", { class: "iw-dim" }, "→");
	const line = h(
		"div",
		{},
		tokenNode(from, 10),
		arrow,
		tokenNode(to, 10),
		h("b", {}, shown),
		error,
	);
	const which = state.hover.key === null ? ", its strongest key" : "";
	return [line, h("div", { class: "iw-leg-what" }, `${query} → ${key}${which}`)];
}

/** 8 px from the cell, on the wider side. */
function beside(pop: HTMLElement, { state }: Scene, layout: MapLayout, [q0, , k0]: Zoom): void {
	const { gutter, top, unit, side } = layout;
	const left = gutter + ((state.hover.key ?? 0) - k0) * unit;
	const y = top + ((state.hover.query ?? 0) - q0) * unit + Math.max(4, unit) + 8;
	const x = left > gutter + side / 2 ? left - 8 - POP_WIDTH : left + unit + 8;
	pop.style.cssText = `left:${Math.max(0, x)}px;top:${y}px;width:${POP_WIDTH}px`;
}
