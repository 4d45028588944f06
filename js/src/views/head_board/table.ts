import { div, h, memo, set, word } from "../../shared/dom";
import type { Life } from "../../shared/life";
import type { Column } from "./numbers";
import { type Acts, control, isPoint, type Scene, shown } from "./scene";
import { type HeadId, headAt, headName, sameHead, ticked } from "./state";

/** The table of heads: a bar and a number a cell, the control's range behind the bar. */
export function makeHeads(life: Life, acts: Acts) {
	const above = div("hb-above");
	const headings = h("tr");
	const body = h("tbody");
	const table = h("table", { class: "iw-hb-table" }, h("thead", {}, headings), body);
	const box = h("div", { class: "iw-hb-scroll", tabindex: 0, role: "group" }, table);
	const below = div("hb-below");
	const node = div("hb-heads", above, box, below);
	const onHeadings = memo();
	const onRows = memo();
	const onMarks = memo();
	let sort = "";
	let ascending = false;
	const idOf = (target: EventTarget | null): HeadId | null => {
		const row = target instanceof Element ? target.closest<HTMLElement>("[data-head]") : null;
		return row ? (row.dataset.head?.split(",").map(Number) as [number, number]) : null;
	};
	life.on(body, "click", (event) => {
		const head = idOf(event.target);
		const box = event.target instanceof Element && event.target.closest("[data-tick]");
		if (!head) return;
		if (box) {
			if (box.getAttribute("aria-disabled") !== "true") acts.tick(head);
		} else acts.head(head, event.shiftKey || event.ctrlKey || event.metaKey);
	});
	life.on(headings, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-sort]");
		if (!one) return;
		const name = one.dataset.sort ?? "";
		const again = name === sort;
		acts.set({ sort: name, ascending: again && !ascending, page: 0, cursor: 0 });
	});

	return {
		node,
		box,
		above,
		below,
		draw(scene: Scene): void {
			const { state, payload, numbers, rows, head } = scene;
			({ sort, ascending } = state);
			onHeadings([payload, sort, ascending], () => {
				const names = [
					headingOf("head", "", sort, ascending),
					...numbers.columns.map((column) =>
						headingOf(column.info.title, column.info.name, sort, ascending, column),
					),
				];
				headings.replaceChildren(
					h("th", { scope: "col", class: "iw-hb-tick" }, "ablate"),
					...names,
				);
			});
			onRows([payload, rows], () =>
				body.replaceChildren(...rows.map((place) => rowOf(scene, place))),
			);
			onMarks([payload, rows, state.heads, state.wanted, state.offline, state.cursor, head], () => {
				const on = ticked(state);
				const why = tickable(scene);
				for (const [i, row] of [...body.children].entries()) {
					const id = headAt(payload, rows[i] ?? 0);
					const chosen = state.heads.some((one) => sameHead(one, id));
					const marks = [chosen && "iw-hb-chosen", head && sameHead(head, id) && "iw-hb-shown"];
					marks.push(i === state.cursor && "iw-hb-cursor");
					set(row as HTMLElement, {
						class: marks.filter(Boolean).join(" "),
						"aria-selected": String(chosen),
					});
					const box = row.querySelector<HTMLElement>("[data-tick]");
					if (!box) continue;
					const checked = on.some((one) => sameHead(one, id));
					set(box, {
						"aria-checked": String(checked),
						"aria-disabled": String(why !== ""),
						title: why || `ablate ${headName(id)}`,
					});
				}
			});
		},
	};
}

/** Why no head can be ablated here; empty where it can. */
export function tickable({ payload, state }: Scene): string {
	if (state.offline) return "no kernel: ablating needs Run";
	return payload.runnable ? "" : "needs a prompt: board.run(...), or head_board(model, prompt)";
}

function headingOf(
	title: string,
	name: string,
	sort: string,
	ascending: boolean,
	column?: Column,
): HTMLElement {
	const here = name === sort;
	const arrow = here && (name || ascending) ? (ascending ? "↑" : "↓") : "";
	const button = word(title, { "data-sort": name, class: here && name ? "iw-t iw-b" : "iw-t" });
	if (arrow) button.append(`\u2009${arrow}`);
	const parts: (Node | string)[] = [button];
	if (column) {
		const { info, top } = column;
		const ends = `${info.signed ? `±${shown({ ...column, info: { ...info, signed: false } }, top)}` : `0–${shown(column, top)}`} ${info.unit}`;
		parts.push(h("small", { title: "where bars end" }, ends.trim()));
	}
	const order = here && name ? (ascending ? "ascending" : "descending") : "none";
	return h(
		"th",
		{
			scope: "col",
			"aria-sort": order,
			title: column?.info.null ? `control: ${column.info.null}` : null,
		},
		...parts,
	);
}

function rowOf({ payload, numbers }: Scene, place: number): HTMLElement {
	const id = headAt(payload, place);
	const box = word("", {
		class: "iw-t iw-tick-box",
		role: "checkbox",
		"data-tick": true,
		"aria-label": `ablate ${headName(id)}`,
		tabindex: -1,
	});
	const cells = numbers.columns.map((column) => cellOf(column, place));
	return h(
		"tr",
		{ "data-head": String(id) },
		h("td", { class: "iw-hb-tick" }, box),
		h("th", { scope: "row" }, headName(id)),
		...cells,
	);
}

function cellOf(column: Column, place: number): HTMLElement {
	const { info, values, beyond } = column;
	const value = values[place] ?? Number.NaN;
	const out = beyond[place] === 1;
	const lag = info.lags[place];
	const title = [
		`${info.title} ${shown(column, value, 3)} ${info.unit}`.trim(),
		lag ? `at lag ${String(lag).replace("-", "−")}` : "",
		Number.isNaN(value) ? "not run" : control(column, place),
	];
	const number = h("span", { class: out ? "iw-hb-n" : "iw-hb-n iw-dim" }, shown(column, value));
	return h(
		"td",
		{ title: title.filter(Boolean).join("\n") },
		h("div", { class: "iw-hb-cell" }, barOf(column, place), number),
	);
}

/** From zero to the number; behind it the control's range. Hollow: within the control. */
function barOf(column: Column, place: number): HTMLElement {
	const { info, values, low, high, beyond, top } = column;
	const track = div("hb-bar");
	const from = info.signed ? -top : 0;
	const x = (value: number) => (100 * (value - from)) / (top - from);
	const part = (cls: string, a: number, b: number) => {
		const [left, right] = [x(Math.min(a, b)), x(Math.max(a, b))];
		return h("i", {
			class: cls,
			style: `left:${left.toFixed(2)}%;width:${(right - left).toFixed(2)}%`,
		});
	};
	const value = values[place] ?? Number.NaN;
	const [a, b] = [low[place] ?? Number.NaN, high[place] ?? Number.NaN];
	if (Number.isFinite(a) && Number.isFinite(b))
		track.append(part(isPoint(a, b) ? "iw-hb-null iw-hb-even" : "iw-hb-null", a, b));
	if (info.signed) track.append(h("i", { class: "iw-hb-zero", style: `left:${x(0)}%` }));
	if (Number.isNaN(value)) track.classList.add("iw-hatch");
	else {
		const sign = value < 0 ? "iw-hb-less" : "iw-hb-more";
		track.append(part(beyond[place] ? sign : "iw-hb-within", 0, value));
	}
	return track;
}
