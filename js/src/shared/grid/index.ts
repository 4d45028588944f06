import { div, h, memo, s, set } from "../dom";
import { arrow, clamp, taken } from "../keys";
import type { Life } from "../life";
import type { Theme } from "../theme";
import { type GridLayout, gridLayout } from "./layout";
import { markNodes } from "./marks";
import { paintCells } from "./paint";
import type { At, GridActs, GridData, GridMarks } from "./types";
import { cellWords, columnNames, lineNames, rowNames } from "./words";

export type * from "./types";
export type Grid = ReturnType<typeof makeGrid>;

/** A place in the grid's own pixels. */
export interface Box {
	x: number;
	y: number;
	width: number;
	height: number;
}

/**
 * Rows × columns of coloured cells with names, words and marks. It draws what is in sight: 2,000
 * columns cost as much as fifty. The view gives `box` its aria label.
 */
export function makeGrid(life: Life, acts: GridActs) {
	const canvas = h("canvas");
	const words = div("g-layer");
	const marks = s("svg", { class: "iw-svg", "aria-hidden": "true" });
	const columns = div("g-layer");
	const cells = div("g-cells", canvas, words, marks);
	const sheet = div("g-sheet", cells, columns);
	const body = div("g-body", sheet);
	const scroller = div("g-scroll", body);
	const rows = div("g-rows");
	const box = h("div", { class: "iw-g", tabindex: 0, role: "application" }, rows, scroller);
	const onLayout = memo();
	const onPixels = memo();
	const onWords = memo();
	let drawn: { data: GridData; marks: GridMarks; layout: GridLayout; theme: Theme } | null = null;
	let scroll = 0;
	let drawnWidth = 0;

	/** The cell under a pointer. */
	function at(event: MouseEvent): At | null {
		if (!drawn) return null;
		const { left, top } = canvas.getBoundingClientRect();
		const { cellWidth, cellHeight, view, height } = drawn.layout;
		const [x, y] = [event.clientX - left, event.clientY - top];
		if (x < 0 || y < 0 || x >= view || y >= height) return null;
		return [Math.floor(y / cellHeight), Math.floor((x + scroll) / cellWidth)];
	}

	function paint(): void {
		if (!drawn) return;
		const { data, marks: now, layout, theme } = drawn;
		const { gutter, top, bottom, view, height, overhang } = layout;
		onLayout([layout], () => {
			rows.style.width = `${gutter}px`;
			scroller.style.cssText = `margin-left:${gutter}px;width:${view + overhang}px`;
			body.style.cssText = `width:${layout.width + overhang}px;height:${top + height + bottom}px`;
			sheet.style.width = `${view}px`;
			cells.style.cssText = `top:${top}px;width:${view}px;height:${height}px`;
			set(marks, { width: view, height });
			scroller.classList.toggle("iw-g-wide", layout.width > view);
		});
		onPixels([data, layout, theme, scroll], () => paintCells(canvas, data, layout, scroll, theme));
		onWords([data, layout, theme, scroll], () =>
			words.replaceChildren(...cellWords(data, layout, scroll, theme)),
		);
		marks.replaceChildren(...markNodes(now, layout, scroll));
		rows.replaceChildren(...rowNames(data, now, layout), ...lineNames(data, layout, scroll));
		columns.replaceChildren(...columnNames(data, now, layout, scroll));
	}

	function scrollTo(to: number): void {
		if (!drawn) return;
		scroll = clamp(to, 0, drawn.layout.width - drawn.layout.view);
		paint();
	}

	life.on(scroller, "scroll", () => scrollTo(scroller.scrollLeft));
	life.on(cells, "pointermove", (event) => !event.buttons && acts.hover(at(event)));
	life.on(cells, "pointerleave", () => acts.hover(null));
	life.on(cells, "click", (event) => {
		const hit = at(event);
		if (hit) acts.press(hit, event);
	});
	life.on(box, "click", (event) => {
		const name =
			event.target instanceof Element &&
			event.target.closest<HTMLElement>("[data-row],[data-column]");
		if (!name || !acts.name) return;
		const { row, column } = name.dataset;
		acts.name(row === undefined ? "column" : "row", Number(row ?? column), event);
	});
	life.on(box, "keydown", (event) => {
		const by = event.target === box && arrow(event);
		if (!by) return;
		taken(event);
		acts.move(by, event);
	});

	return {
		/** Takes the focus and hears of keys. */
		box,
		at,
		draw(data: GridData, now: GridMarks, width: number, theme: Theme): GridLayout {
			const same = drawn && drawn.data === data && drawn.layout;
			const layout = same && drawnWidth === width ? same : gridLayout(data, width);
			drawnWidth = width;
			drawn = { data, marks: now, layout, theme };
			scroll = clamp(scroll, 0, layout.width - layout.view);
			paint();
			return layout;
		},
		/** Where a cell is inside of `box`. */
		boxOf([row, column]: At): Box | null {
			if (!drawn) return null;
			const { gutter, top, cellWidth, cellHeight } = drawn.layout;
			const x = gutter + column * cellWidth - scroll;
			return { x, y: top + row * cellHeight, width: cellWidth, height: cellHeight };
		},
		/** Scrolls sideways until a column is in sight. */
		reveal(column: number): void {
			if (!drawn) return;
			const { cellWidth, view } = drawn.layout;
			const left = column * cellWidth;
			if (left < scroll) scroller.scrollLeft = left;
			else if (left + cellWidth > scroll + view) scroller.scrollLeft = left + cellWidth - view;
		},
	};
}
