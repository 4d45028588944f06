import { legend } from "../../../shared/chrome";
import { div, h } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { tokenNode } from "../../../shared/tokens";
import type { Drawn } from "../map";
import type { Scene } from "../scene";
import type { Core } from "../view";
import { quantity, rowFor, shown } from "./words";

const POP_WIDTH = 190;

/** The exact value of one pair, in the map's free space or beside its cell. */
export function makeReadout({ map }: Core): (drawn: Drawn) => void {
	const value = h("div", { class: "iw-read", "aria-live": "polite" });
	const pop = div("pop");
	map.box.append(pop);
	return (drawn) => {
		const { scene, layout } = drawn;
		const pair = pairOf(scene);
		value.replaceChildren(...(pair ? describe(scene, ...pair) : []));
		const inCorner = layout.corner !== null;
		pop.hidden = inCorner || scene.state.hover[1] === null;
		if (!inCorner) pop.replaceChildren(value);
		map.corner.replaceChildren(legendOf(scene), ...(inCorner ? [value] : []));
		if (!pop.hidden) beside(pop, drawn);
	};
}

/** Its ends are printed: ≥ where numbers lie beyond. */
export function legendOf(scene: Scene): HTMLElement {
	const { payload, ink } = scene;
	const [most, least] = ink.top < payload.scale ? ["≥\u2009", "≤\u2009"] : ["", ""];
	const end = (of: number) => (of === 1 && !ink.signed ? "1" : shown(scene, of));
	const low = ink.signed ? least + end(-ink.top) : "0";
	return legend(low, most + end(ink.top), quantity(scene), ink.signed);
}

/** The pair under the pointer, else the strongest key of the selected query. */
function pairOf(scene: Scene): [query: number, key: number] | null {
	const [query, key] = scene.state.hover;
	if (scene.view?.pooled !== 1) return null;
	if (query !== null && key !== null) return [query, key];
	const at = query ?? scene.query;
	const row = rowFor(scene, at);
	let best = 0;
	for (let i = 1; i < row.length; i++)
		if (Math.abs(row[i] ?? 0) > Math.abs(row[best] ?? 0)) best = i;
	return [at, best];
}

function describe(scene: Scene, query: number, key: number): Node[] {
	const { payload, view, state } = scene;
	const [from, to] = [payload.tokens[query], payload.tokens[key]];
	if (!from || !to || !view) return [];
	const number = rowFor(scene, query)[key] ?? 0;
	const exact = view.precision === "float16";
	const step = (payload.scale * (payload.signed ? 1 : 0.5)) / (payload.signed ? 127 : 254);
	const error = exact ? "" : ` ±${weight(step, 3).replace(/^0/, "")}`;
	const arrow = h("span", { class: "iw-dim" }, "→");
	const name = h("b", {}, shown(scene, number, exact ? 3 : 2));
	const line = h("div", {}, tokenNode(from, 10), arrow, tokenNode(to, 10), name, error);
	const which = state.hover[1] === null ? ", its strongest key" : "";
	return [line, div("leg-what", `${query} → ${key}${which}`)];
}

/** 8 px from the cell, on the wider side. */
function beside(pop: HTMLElement, { scene, layout, window: [q0, , k0] }: Drawn): void {
	const { gutter, top, unit, side } = layout;
	const [query, key] = scene.state.hover;
	const left = gutter + ((key ?? 0) - k0) * unit;
	const y = top + ((query ?? 0) - q0) * unit + Math.max(4, unit) + 8;
	const x = left > gutter + side / 2 ? left - 8 - POP_WIDTH : left + unit + 8;
	pop.style.cssText = `left:${Math.max(0, x)}px;top:${y}px;width:${POP_WIDTH}px`;
}
