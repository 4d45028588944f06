import type { TokenInfo } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import { tokenWidth } from "../../shared/tokens";
import type { Zoom } from "./state";

export const LABEL_MAX = 12;
export const MULTIPLES_MOST = 6;
const LEAST_CELL = 4;
const LABEL_CELL = 13;
const MAP_MOST = 560;
const CORNER = { width: 196, height: 108 };

/** Beside each other, or the thumbnails above the map. */
const isWide = (width: number): boolean => width >= 900;

export interface ThumbLayout {
	columns: number;
	size: number;
	/** Between columns, and between rows. */
	gap: number;
	down: number;
	/** For layers' names; 0: each thumbnail has its own name. */
	gutter: number;
}

/** A row a layer. */
export function thumbLayout(width: number, layers: number, heads: number): ThumbLayout {
	const room = thumbRoom(width) - 34;
	const pitch = Math.floor(Math.min(room / Math.max(1, heads), 620 / Math.max(1, layers)));
	const gap = pitch >= 28 ? 6 : pitch >= 22 ? 5 : 3;
	return { columns: heads, size: clamp(pitch - gap, 14, 96), gap, down: gap, gutter: 34 };
}

export const thumbRoom = (width: number): number =>
	isWide(width) ? clamp(width * 0.4, 380, 520) : width - 8;

export interface MapLayout {
	gutter: number;
	top: number;
	/** Side of the drawn square, pixels per token, tokens per drawn cell. */
	side: number;
	unit: number;
	block: number;
	keys: "stairs" | "above" | "tilted" | "none";
	/** Right edge of the read-out in free space, or null where there is none. */
	corner: number | null;
}

function cellsFor(
	span: number,
	room: number,
	zoomed: boolean,
): Pick<MapLayout, "side" | "unit" | "block"> {
	const block = Math.max(1, Math.ceil((span * LEAST_CELL) / room));
	const cells = Math.ceil(span / block);
	const most = span <= 6 ? 56 : 36;
	const cell = zoomed ? room / cells : Math.min(most, Math.floor(room / cells));
	return { side: cells * cell, unit: cell / block, block };
}

export function mapLayout(
	tokens: readonly TokenInfo[],
	zoom: Zoom | null,
	causal: boolean,
	width: number,
): MapLayout {
	const count = tokens.length;
	const widths = tokens.slice(0, 512).map((token) => tokenWidth(token, LABEL_MAX));
	const longest = Math.max(16, ...widths);
	const gutter = Math.ceil(Math.min(108, longest)) + 12;
	const overhang = causal ? Math.min(108, widths.at(-1) ?? 0) : 0;
	const room = clamp(width - gutter - overhang - 4, 120, MAP_MOST);
	const whole = cellsFor(count, room, false);
	const cells = zoom ? cellsFor(zoom[1] - zoom[0], whole.side, true) : whole;
	const diagonal = causal && (!zoom || zoom[0] === zoom[2]);
	const keys = keyLabels(cells.unit, diagonal);
	const top = keys === "tilted" ? Math.ceil(Math.min(108, longest) * 0.77) + 14 : 24;
	const first = zoom?.[2] ?? 0;
	const labels = keys === "stairs" ? widths.slice(first) : [];
	const corner = cornerRight(cells, gutter, diagonal, labels, width);
	return { gutter, top, ...cells, keys, corner };
}

function keyLabels(unit: number, diagonal: boolean): MapLayout["keys"] {
	if (unit < LABEL_CELL) return "none";
	if (diagonal) return "stairs";
	return unit >= 44 ? "above" : "tilted";
}

/** The read-out stands right of everything in its rows: labels on the stairs, or the whole square. */
function cornerRight(
	{ side, unit }: Pick<MapLayout, "side" | "unit">,
	gutter: number,
	diagonal: boolean,
	labels: readonly number[],
	width: number,
): number | null {
	let taken = diagonal ? CORNER.height + (labels.length ? 0 : 108) : side + 16;
	if (diagonal && labels.length) {
		const rows = Math.min(labels.length - 1, Math.ceil(CORNER.height / unit));
		for (let i = 0; i <= rows; i++)
			taken = Math.max(taken, Math.min(side, i * unit) + (labels[i] ?? 0));
	}
	const right = gutter + Math.max(diagonal ? side : 0, taken + 12 + CORNER.width);
	return right <= width ? right : null;
}
