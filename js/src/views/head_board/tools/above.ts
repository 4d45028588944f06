import { tick } from "../../../shared/controls";
import { h, memo, set, word } from "../../../shared/dom";
import { integer, plural } from "../../../shared/format";
import type { Scene } from "../scene";
import { PAGE, pageOf } from "../state";
import type { Core } from "../view";

/** Over the table: which layer, only what is beyond its control, which page. */
export function makeAbove({ heads, life, acts, state }: Core): (scene: Scene) => void {
	const count = h("b");
	const list = h("select", { class: "iw-hb-list", "aria-label": "layer" });
	const beyond = tick(life, "beyond control", () =>
		acts.set({ beyond: !state().beyond, page: 0, cursor: 0 }),
	);
	const before = word("‹", { "aria-label": "heads before" });
	const after = word("›", { "aria-label": "heads after" });
	const label = h("span");
	const pager = h(
		"span",
		{ class: "iw-picker", role: "group", "aria-label": "page" },
		before,
		label,
		after,
	);
	heads.above.append(count, list, beyond.node, pager);
	life.on(list, "change", () =>
		acts.set({ only: list.value === "" ? null : Number(list.value), page: 0, cursor: 0 }),
	);
	let page = 0;
	let last = 0;
	const turn = (by: number) => {
		const to = Math.max(0, Math.min(last, page + by));
		if (to !== page) acts.set({ page: to, cursor: 0 });
	};
	life.on(before, "click", () => turn(-1));
	life.on(after, "click", () => turn(1));
	const onLayers = memo();
	return ({ payload, state: now, order, rows }) => {
		onLayers([String(payload.layers)], () => {
			const every = h("option", { value: "" }, "all layers");
			const one = (layer: number) => h("option", { value: layer }, `layer ${layer}`);
			list.replaceChildren(every, ...payload.layers.map(one));
		});
		list.value = now.only === null ? "" : String(now.only);
		list.hidden = payload.layers.length < 2;
		count.textContent = plural(order.length, "head");
		beyond.show(now.beyond);
		page = pageOf(now, order);
		last = Math.max(0, Math.ceil(order.length / PAGE) - 1);
		pager.hidden = last === 0;
		label.textContent = `${integer(page * PAGE + 1)}–${integer(page * PAGE + rows.length)}`;
		set(before, { "aria-disabled": String(page === 0) });
		set(after, { "aria-disabled": String(page === last) });
	};
}
