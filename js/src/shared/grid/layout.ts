import { clamp } from "../keys";
import { tokenWidth } from "../tokens";
import type { GridData, Label, Line } from "./types";

const LEAST = 4;
const TEXT = { width: 44, height: 24 };
const LINE = 20;
const TILT_CELL = 13;
const CHARACTER = 6.6; // of a 12 px label
export const LABEL_MAX = 14;
export const TILT_MAX = 11;

export interface GridLayout {
	/** For the names of rows. */
	gutter: number;
	/** Above the cells, and below them. */
	top: number;
	bottom: number;
	/** Right of the cells, for slanted names. */
	overhang: number;
	cellWidth: number;
	cellHeight: number;
	/** Columns a drawn cell; more than 1: the largest of them, whatever its sign. */
	block: number;
	/** All cells, and those in sight. */
	width: number;
	view: number;
	height: number;
	names: "flat" | "tilted" | "none";
	words: boolean;
}

const widthOf = (label: Label | null, max: number): number => {
	if (label === null) return 0;
	return typeof label === "string" ? label.length * CHARACTER : tokenWidth(label, max);
};

const longest = (line: Line | undefined, max: number): number =>
	Math.max(0, ...(line?.labels ?? []).slice(0, 512).map((label) => widthOf(label, max)));

/** A name stands left of the line's first label; it needs a gutter where that is the first column. */
const nameRoom = (line: Line): number =>
	line.labels[0] == null ? 0 : (line.name ?? "").length * CHARACTER;

export function gridLayout(data: GridData, width: number): GridLayout {
	const { rows, lines, leastWidth = LEAST, mostWidth = 64 } = data;
	const columns = lines[0]?.labels.length ?? 0;
	const named = Math.max(...rows.map((row) => row.length * CHARACTER), ...lines.map(nameRoom));
	const gutter = Math.ceil(clamp(named, 16, 180)) + 10;
	const tilt = Math.min(108, longest(lines[0], TILT_MAX));
	const [across, down] = [Math.ceil(tilt * 0.64) + 4, Math.ceil(tilt * 0.77) + 14];
	const room = Math.max(80, width - gutter - 4);
	const fits = (space: number) => Math.min(mostWidth, Math.floor(space / Math.max(1, columns)));
	// Above the cells slanted names lean out to the right, below them to the left.
	const above = data.columnsAt === "top";
	const slanted = fits(room) < TEXT.width && Math.max(fits(room - across), leastWidth) >= TILT_CELL;
	const overhang = slanted && above ? across : 0;
	const fit = fits(room - overhang);
	const scrolls = fit < leastWidth && leastWidth > LEAST;
	const block = fit >= LEAST || scrolls ? 1 : Math.ceil((columns * LEAST) / room);
	const cellWidth = scrolls ? leastWidth : block > 1 ? room / columns : Math.max(fit, LEAST);
	const names = cellWidth >= TEXT.width ? "flat" : cellWidth >= TILT_CELL ? "tilted" : "none";
	const outside = names === "tilted" ? down : LINE * lines.length + 4;
	const cellHeight = data.cellHeight ?? 26;
	const all = columns * cellWidth;
	return {
		gutter,
		...{ top: above ? outside : 4, bottom: above ? 4 : outside },
		...{ overhang: names === "tilted" ? overhang : 0, cellWidth, cellHeight, block, names },
		...{ width: all, view: Math.min(all, room), height: rows.length * cellHeight },
		words: cellWidth >= (data.wordWidth ?? TEXT.width) && cellHeight >= TEXT.height,
	};
}

/** Each cell the largest of `block` neighbours in its row, whatever its sign; NaN before all. */
export function pooledLevels(levels: Float32Array, columns: number, block: number): Float32Array {
	if (block === 1) return levels;
	const across = Math.ceil(columns / block);
	const out = new Float32Array((levels.length / columns) * across);
	for (let i = 0; i < levels.length; i++) {
		const column = i % columns;
		const to = Math.floor(i / columns) * across + Math.floor(column / block);
		const value = levels[i] as number;
		const best = out[to] as number;
		if (column % block === 0 || Number.isNaN(value) || Math.abs(value) > Math.abs(best))
			out[to] = value;
	}
	return out;
}
