import { h } from "../dom";
import { MASKED } from "../pixels";
import { colour, textOn } from "../ramp";
import type { Theme } from "../theme";
import { tokenNode } from "../tokens";
import { type GridLayout, LABEL_MAX, TILT_MAX } from "./layout";
import type { GridData, GridMarks, Label } from "./types";

const CHARACTER = 7.3; // of the code font at 12 px
const PADDING = 6;
const NAME = 96; // room for a name among narrow cells

/** The dot before a word takes the room of a letter. */
const node = (label: Label, max: number): Node =>
	typeof label === "string"
		? h("span", {}, label)
		: tokenNode(label, Math.max(2, max - (label.text.startsWith(" ") ? 1 : 0)));

/** What stands inside the cells in sight. */
export function cellWords(
	data: GridData,
	layout: GridLayout,
	scroll: number,
	theme: Theme,
): Node[] {
	const { cellWidth, cellHeight, view, words } = layout;
	if (!data.text || !words) return [];
	const columns = data.lines[0]?.labels.length ?? 0;
	const first = Math.floor(scroll / cellWidth);
	const last = Math.min(columns, Math.ceil((scroll + view) / cellWidth));
	const most = Math.max(2, Math.floor((cellWidth - PADDING - 2) / CHARACTER));
	const nodes: Node[] = [];
	for (let row = 0; row < data.rows.length; row++) {
		for (let column = first; column < last; column++) {
			const label = data.text(row, column);
			if (label === null) continue;
			const level = data.levels[row * columns + column] ?? Number.NaN;
			const bare = Number.isNaN(level) || level === MASKED;
			const ink = bare ? "" : `color:${textOn(colour(theme, level))};`;
			const at = `left:${column * cellWidth - scroll}px;top:${row * cellHeight}px;`;
			const size = `width:${cellWidth - 1}px;height:${cellHeight - 1}px;line-height:${cellHeight - 1}px`;
			const cls = typeof label === "string" ? "iw-g-word iw-g-middle" : "iw-g-word";
			nodes.push(h("span", { class: cls, style: ink + at + size }, node(label, most)));
		}
	}
	return nodes;
}

/** The names of rows, right-aligned before the cells. */
export function rowNames(
	data: GridData,
	marks: GridMarks,
	{ top, cellHeight }: GridLayout,
): Node[] {
	const chosen = new Set([...(marks.rows ?? []), ...marks.selected.map(([row]) => row)]);
	const strong = new Set([marks.hover?.[0], marks.cursor?.[0]]);
	const step = Math.ceil(14 / cellHeight); // where rows are lower than a line of text
	return data.rows.flatMap((name, i) => {
		const mark = chosen.has(i) ? " iw-g-chosen" : strong.has(i) ? " iw-b" : "";
		if (!mark && i % step) return [];
		const style = `top:${top + (i + 0.5) * cellHeight - 8}px`;
		return [h("span", { class: `iw-g-name${mark}`, style, "data-row": i }, name)];
	});
}

/** The names of columns in sight: flat, slanted, or where cells are narrow only the marked ones. */
export function columnNames(
	data: GridData,
	marks: GridMarks,
	layout: GridLayout,
	scroll: number,
): Node[] {
	const { cellWidth, view, names } = layout;
	const chosen = new Set([...(marks.columns ?? []), ...marks.selected.map(([, column]) => column)]);
	const strong = new Set([marks.hover?.[1], marks.cursor?.[1]]);
	const first = Math.floor(scroll / cellWidth);
	const last = Math.ceil((scroll + view) / cellWidth);
	const apart = spacedColumns([...strong, ...chosen], cellWidth);
	const nodes: Node[] = [];
	const lines = names === "flat" ? data.lines : data.lines.slice(0, 1);
	for (const [at, line] of lines.entries()) {
		const place = placeOf(data, layout, at);
		for (let i = first; i < Math.min(last, line.labels.length); i++) {
			const label = line.labels[i] ?? null;
			if (label === null || (names === "none" && !apart.includes(i))) continue;
			const mark = at === 0 && chosen.has(i) ? " iw-g-chosen" : strong.has(i) ? " iw-b" : "";
			const below = data.columnsAt === "bottom" ? " iw-g-below" : "";
			const cls = `${mark}${below}${line.dim ? " iw-dim" : ""}`;
			nodes.push(columnName(label, cls, i, layout, scroll, place));
			if (line.under?.[i] && names === "flat") nodes.push(underline(i, layout, scroll, place));
		}
	}
	if (names !== "flat") nodes.push(...underlines(data, layout, scroll, first, last));
	return nodes;
}

/** Where names stand slanted or not at all, the underlines are at the cells themselves. */
function underlines(
	{ lines, columnsAt }: GridData,
	layout: GridLayout,
	scroll: number,
	first: number,
	last: number,
): Node[] {
	const under = columnsAt === "bottom" ? lines.flatMap((line) => line.under ?? []) : [];
	const top = layout.top + layout.height - 17;
	return under
		.slice(first, last)
		.flatMap((on, i) => (on ? [underline(first + i, layout, scroll, top)] : []));
}

/** Columns whose names do not run into one another; the first ones have their way. */
function spacedColumns(wanted: readonly (number | undefined)[], cellWidth: number): number[] {
	const kept: number[] = [];
	for (const one of wanted)
		if (one !== undefined && kept.every((other) => Math.abs(one - other) * cellWidth > NAME))
			kept.push(one);
	return kept;
}

/** The names of the lines, before the first label of each. */
export function lineNames(data: GridData, layout: GridLayout, scroll: number): Node[] {
	if (layout.names !== "flat") return [];
	return data.lines.flatMap(({ name, labels }, at) => {
		const first = labels.findIndex((label) => label !== null);
		if (!name || first < 0) return [];
		const before = Math.max(0, first * layout.cellWidth - scroll);
		const style = `right:${8 - before}px;top:${placeOf(data, layout, at)}px`;
		return [h("span", { class: "iw-g-line iw-dim", style }, name)];
	});
}

/** Where a line of names stands: its top. */
function placeOf(
	{ columnsAt }: GridData,
	{ top, height, names }: GridLayout,
	line: number,
): number {
	if (columnsAt === "bottom") return top + height + 4 + line * 20;
	return names === "tilted" ? top - 20 : top - 22 - line * 20;
}

function columnName(
	label: Label,
	mark: string,
	column: number,
	{ cellWidth, names }: GridLayout,
	scroll: number,
	top: number,
): Node {
	const left = column * cellWidth - scroll;
	const tilted = names === "tilted";
	const most = tilted
		? TILT_MAX
		: names === "none"
			? LABEL_MAX
			: Math.max(2, Math.floor((cellWidth - 4) / CHARACTER));
	const size = names === "flat" ? `width:${cellWidth - 1}px;` : "";
	const x = names === "flat" ? left : left + cellWidth / 2;
	const cls = `iw-g-column iw-g-${names}${typeof label === "string" ? " iw-g-middle" : ""}${mark}`;
	const style = `left:${x}px;top:${top}px;${size}`;
	return h("span", { class: cls, style, "data-column": column }, node(label, most));
}

function underline(column: number, { cellWidth }: GridLayout, scroll: number, top: number): Node {
	const style = `left:${column * cellWidth - scroll}px;top:${top + 17}px;width:${cellWidth - 1}px`;
	return h("i", { class: "iw-g-under", style });
}
