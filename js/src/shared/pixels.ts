import { LEVELS, packed, table } from "./ramp";
import { type Matrix, rowOf } from "./tensor";
import type { Theme } from "./theme";

/** A cell that no number stands for: bare paper. No number of ours is as large. */
export const MASKED = -(2 ** 100);

/** `count` queries and as many keys, from a first one on. */
export interface Window {
	query: number;
	key: number;
	count: number;
}

export interface Ink {
	theme: Theme;
	levels: Uint32Array;
	hatch: number;
	/** The number that the last colour stands for. */
	top: number;
	/** The ramp runs from −top to top. */
	signed: boolean;
}

export function ink(theme: Theme, top: number, signed = false): Ink {
	const hatch = packed(theme === "dark" ? [0x5c, 0x5d, 0x62] : [0xb9, 0xb6, 0xaf]);
	return { theme, levels: table(theme, signed), hatch, top: top || 1, signed };
}

export const pixelRatio = (): number => Math.min(3, Math.max(1, globalThis.devicePixelRatio || 1));

/**
 * Cells over a window, each the largest of block × block pairs, whatever its sign; one that is not
 * finite before all others. Keys that a triangle does not hold are 0.
 */
export function pool(matrix: Matrix, w: Window, block: number, causal: boolean): Float32Array {
	const side = Math.ceil(w.count / block);
	const out = new Float32Array(side * side).fill(MASKED);
	for (let i = 0; i < w.count; i++) {
		const row = rowOf(matrix, w.query + i);
		const end = Math.min(w.key + w.count, causal ? w.query + i + 1 : matrix.size);
		const line = Math.floor(i / block) * side;
		for (let key = w.key, at = line, left = block; key < end; key++) {
			const value = row[key] ?? 0;
			const best = out[at] as number;
			if (best === MASKED || Math.abs(value) > Math.abs(best) || Number.isNaN(value))
				out[at] = value;
			if (--left) continue;
			left = block;
			at++;
		}
	}
	return out;
}

export interface Target {
	pixels: Uint32Array;
	stride: number;
	x: number;
	y: number;
	/** Width and height of the square, in device pixels. */
	size: number;
	gap: number;
}

/** Paints side² cells into a square of pixels. */
export function paint(target: Target, cells: Float32Array, side: number, ink: Ink): void {
	const { stride, x, y, size, gap } = target;
	const edges = Array.from({ length: side + 1 }, (_, i) => Math.round((i * size) / side));
	for (let i = 0; i < side; i++) {
		const [top, bottom] = edges.slice(i, i + 2) as [number, number];
		const row = cells.subarray(i * side, (i + 1) * side);
		paintRow(target, (y + top) * stride + x, bottom - top - gap, row, edges, ink);
	}
}

/** One line of pixels, copied down; what is not finite is hatched over it. */
export function paintRow(
	target: Target,
	start: number,
	lines: number,
	row: Float32Array,
	edges: readonly number[],
	ink: Ink,
): void {
	const { pixels, stride, size, gap } = target;
	const span = (j: number): [number, number] => [
		start + (edges[j] as number),
		start + (edges[j + 1] as number) - gap,
	];
	for (let j = 0; j < row.length; j++) {
		const value = row[j] as number;
		if (value === MASKED || !Number.isFinite(value)) continue;
		pixels.fill(level(value, ink), ...span(j));
	}
	for (let line = 1; line < lines; line++) {
		pixels.copyWithin(start + line * stride, start, start + size);
	}
	for (let j = 0; j < row.length; j++) {
		if (Number.isFinite(row[j])) continue;
		hatch(target, span(j), lines, ink);
	}
}

function level(value: number, { levels, top, signed }: Ink): number {
	const share = signed ? (value / top + 1) / 2 : value / top;
	return levels[Math.round(Math.min(1, Math.max(0, share)) * (LEVELS - 1))] as number;
}

function hatch(
	{ pixels, stride }: Target,
	[from, to]: readonly [number, number],
	lines: number,
	ink: Ink,
): void {
	const step = 4 * Math.ceil(pixelRatio());
	for (let line = 0; line < lines; line++)
		for (let at = from; at < to; at++)
			if ((at + line) % step < step / 4) pixels[at + line * stride] = ink.hatch;
}

/** Sizes a canvas in CSS pixels and paints it once. */
export function onCanvas(
	canvas: HTMLCanvasElement,
	width: number,
	height: number,
	work: (pixels: Uint32Array, stride: number) => void,
): void {
	const ratio = pixelRatio();
	canvas.width = Math.max(1, Math.round(width * ratio));
	canvas.height = Math.max(1, Math.round(height * ratio));
	canvas.style.width = `${width}px`;
	canvas.style.height = `${height}px`;
	const context = canvas.getContext("2d");
	if (!context) return;
	const image = context.createImageData(canvas.width, canvas.height);
	work(new Uint32Array(image.data.buffer), canvas.width);
	context.putImageData(image, 0, 0);
}
