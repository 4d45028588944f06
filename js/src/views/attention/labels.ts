import { h } from "../../shared/dom";
import { tokenNode } from "../../shared/tokens";
import { LABEL_MAX, type MapLayout } from "./layout";
import type { Scene } from "./scene";
import type { Zoom } from "./state";

const TILT_SHORT = 11;

/** Where the middle of a query's row or a key's column is. */
export function place(
	{ gutter, top, unit, keys, side }: MapLayout,
	[q0, , k0]: Zoom,
	isKey: boolean,
	position: number,
): string {
	const middle = (position - (isKey ? k0 : q0) + 0.5) * unit;
	if (!isKey) return `right:calc(100% - ${gutter - 8}px);top:${top + middle - 8}px`;
	const left = `left:${gutter + middle}px;top:${top - 20}px;`;
	if (keys === "above") return `${left}translate:-50%;max-width:${unit - 4}px`;
	if (keys === "tilted") return `${left}translate:-4px 2px;rotate:-50deg;transform-origin:0 100%`;
	const stair = q0 === k0 ? Math.min(middle - unit / 2, side - 16) : 0;
	return `left:${gutter + middle - unit / 2 + 2}px;top:${top + stair - 19}px`;
}

/** Token names along the map: all of them where cells are large, else those of the marked cells. */
export function drawLabels(
	node: HTMLElement,
	{ payload, query, state }: Scene,
	layout: MapLayout,
	window: Zoom,
): void {
	node.replaceChildren();
	const [hoverQuery, hoverKey] = state.hover;
	const [q0, q1, k0, k1] = window;
	const all = layout.keys !== "none";
	const put = (name: string, isKey: boolean, position: number, text: Node | string) =>
		node.append(h("span", { class: name, style: place(layout, window, isKey, position) }, text));
	for (let i = Math.min(q0, k0); i < Math.max(q1, k1); i++) {
		const token = payload.tokens[i];
		if (!token) continue;
		const chosen = i === query || state.tokens.includes(i);
		const mark = chosen ? " iw-chosen" : i === hoverQuery ? " iw-b" : "";
		if (i >= q0 && i < q1 && (all || i === query || i === hoverQuery))
			put(`iw-lab-query${mark}`, false, i, tokenNode(token, LABEL_MAX));
		const max = layout.keys === "tilted" ? TILT_SHORT : LABEL_MAX;
		if (i >= k0 && i < k1 && (all || i === hoverKey))
			put(`iw-lab-key${i === hoverKey ? " iw-b" : ""}`, true, i, tokenNode(token, max));
	}
}
