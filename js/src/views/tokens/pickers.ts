import type { RowAxis, TokensPayload } from "../../contract.gen";
import { h, memo, set, word } from "../../shared/dom";
import { clamp } from "../../shared/keys";
import type { Life } from "../../shared/life";
import type { Dispatch, Scene } from "./scene";
import { membersOf, rowAt } from "./state";

const WORDS = 6;
const WORDS_CHARS = 60;

/** One picker for each axis of the rows: words where few, else a list with steps. */
export function makePickers(life: Life, dispatch: Dispatch) {
	const node = h("div", { class: "iw-pickers" });
	const onAxes = memo();
	let update: (row: number) => void = () => {};
	return {
		node,
		draw({ payload, row }: Scene, stacked: boolean) {
			const axes = axesOf(payload);
			node.hidden = stacked || !axes.some((axis) => axis.labels.length > 1);
			onAxes([payload], () => {
				const made = axes.map((axis, i) => {
					const pick = (member: number) => {
						const members = axes.length > 1 ? membersOf(payload, current) : [current];
						members[i] = clamp(member, 0, axis.labels.length - 1);
						dispatch({
							type: "row",
							row: axes.length > 1 ? rowAt(payload, members) : (members[0] ?? 0),
						});
					};
					const few = axis.labels.length <= WORDS && axis.labels.join("").length <= WORDS_CHARS;
					return few ? makeWords(life, axis, pick) : makeList(life, axis, pick);
				});
				let current = row;
				update = (to) => {
					current = to;
					const members = axes.length > 1 ? membersOf(payload, to) : [to];
					for (const [i, { show }] of made.entries()) show(members[i] ?? 0);
				};
				node.replaceChildren(...made.map((picker) => picker.node));
			});
			update(row);
		},
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
	const group = { class: "iw-words", role: "group", "aria-label": name || "row" };
	const show = (member: number) => {
		for (const [i, node] of words.entries()) set(node, { "aria-pressed": String(i === member) });
	};
	return { node: h("span", group, name, ...words), show };
}

function makeList(life: Life, { name, labels }: RowAxis, pick: (member: number) => void) {
	const options = labels.map((label, i) => h("option", { value: i }, label || String(i)));
	const list = h("select", { class: "iw-list", "aria-label": name || "row" }, ...options);
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
