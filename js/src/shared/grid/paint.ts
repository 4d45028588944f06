import { ink, onCanvas, paintRow, pixelRatio } from "../pixels";
import type { Theme } from "../theme";
import { type GridLayout, pooledLevels } from "./layout";
import type { GridData } from "./types";

const GAP_LEAST = 6; // cells as narrow have no gap

/** Paints the cells that are in sight. */
export function paintCells(
	canvas: HTMLCanvasElement,
	data: GridData,
	layout: GridLayout,
	scroll: number,
	theme: Theme,
): void {
	const { cellWidth, cellHeight, block, view, height } = layout;
	const columns = data.lines[0]?.labels.length ?? 0;
	const levels = pooledLevels(data.levels, columns, block);
	const count = Math.ceil(columns / block);
	const unit = cellWidth * block;
	const first = Math.floor(scroll / unit);
	const last = Math.min(count, Math.ceil((scroll + view) / unit));
	const inks = ink(theme, 1, data.signed);
	const ratio = pixelRatio();
	const gap = unit >= GAP_LEAST ? Math.round(ratio) : 0;
	onCanvas(canvas, view, height, (pixels, stride) => {
		const edge = (i: number) =>
			Math.min(stride, Math.max(0, Math.round((i * unit - scroll) * ratio)));
		const edges = Array.from({ length: last - first + 1 }, (_, i) => edge(first + i));
		for (let row = 0; row < data.rows.length; row++) {
			const [top, bottom] = [row, row + 1].map((i) => Math.round(i * cellHeight * ratio)) as [
				number,
				number,
			];
			const line = levels.subarray(row * count + first, row * count + last);
			const target = { pixels, stride, x: 0, y: 0, size: stride, gap };
			paintRow(target, top * stride, bottom - top - Math.round(ratio), line, edges, inks);
		}
	});
}
