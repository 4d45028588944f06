import type { RowAxis, TokensPayload } from "../../../contract.gen";
import { h, memo, set, word } from "../../../shared/dom";
import { clamp } from "../../../shared/keys";
import type { Life } from "../../../shared/life";
import type { Scene } from "../scene";
import { membersOf, rowAt } from "../state";
import { stackedRows } from "../text";
import type { Core } from "../view";

const WORDS = 6;
const WORDS_CHARS = 60;

/** One picker for each axis of the rows: words where few, else a list with steps. */
export function makePickers({ pickers: node, life, dispatch }: Core): (scene: Scene) => void {
	const onAxes = memo();
	let update: (row: number) => void = () => {};
	return (scene) => {
		const { payload, row } = scene;
		const axes = axesOf(payload);
		const one = !axes.some((axis) => axis.labels.length > 1);
		node.hidden = one || stackedRows(scene).length > 0;
		onAxes([payload], () => {
			let current = row;
			const members = (of: number) => (axes.length > 1 ? membersOf(payload, of) : [of]);
			const pick = (axis: number, member: number, last: number) => {
				const to = members(current);
				to[axis] = clamp(member, 0, last);
				dispatch({ type: "row", row: axes.length > 1 ? rowAt(payload, to) : (to[0] ?? 0) });
			};
			const made = axes.map((axis, i) => {
				const { labels } = axis;
				const few = labels.length <= WORDS && labels.join("").length <= WORDS_CHARS;
				const choose = (member: number) => pick(i, member, labels.length - 1);
				return few ? makeWords(life, axis, choose) : makeList(life, axis, choose);
			});
			update = (to) => {
				current = to;
				for (const [i, { show }] of made.entries()) show(members(to)[i] ?? 0);
			};
			node.replaceChildren(...made.map((picker) => picker.node));
		});
		update(row);
	};
}

const axesOf = ({ row_axes: axes, rows }: TokensPayload): RowAxis[] =>
	axes.length ? axes : [{ name: "", labels: rows }];

function makeWords(life: Life, { name, labels }: RowAxis, pick: (member: number) => void) {
	const words = labels.map((label, i) => {
		const node = word(label || String(i));
		life.on(node, "click", () => pick(i));
		return node;
	});
	const group = { class: "iw-tx-words", role: "group", "aria-label": name || "row" };
	const show = (member: number) => {
		for (const [i, node] of words.entries()) set(node, { "aria-pressed": String(i === member) });
	};
	return { node: h("span", group, name, ...words), show };
}

function makeList(life: Life, { name, labels }: RowAxis, pick: (member: number) => void) {
	const options = labels.map((label, i) => h("option", { value: i }, label || String(i)));
	const list = h("select", { class: "iw-tx-list", "aria-label": name || "row" }, ...options);
	const before = word("‹", { "aria-label": `previous ${name || "row"}` });
	const after = word("›", { "aria-label": `next ${name || "row"}` });
	life.on(list, "change", () => pick(Number(list.value)));
	life.on(before, "click", () => pick(Number(list.value) - 1));
	life.on(after, "click", () => pick(Number(list.value) + 1));
	const show = (member: number) => {
		list.value = String(member);
		set(before, { "aria-disabled": String(member <= 0) });
		set(after, { "aria-disabled": String(member >= labels.length - 1) });
	};
	return { node: h("span", { class: "iw-picker" }, name, before, list, after), show };
}
