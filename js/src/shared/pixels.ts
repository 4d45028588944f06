import { LEVELS, packed, table } from "./ramp";
import { type Matrix, rowOf } from "./tensor";
import type { Theme } from "./theme";

/** A cell that no number stands for: bare paper. */
export const MASKED = -1;

/** `count` queries and as many keys, from a first one on. */
export interface Window {
	query: number;
	key: number;
	count: number;
}

export interface Ink {
	levels: Uint32Array;
	hatch: number;
	scale: number;
}

export function ink(theme: Theme, scale: number): Ink {
	const hatch = packed(theme === "dark" ? [0x5c, 0x5d, 0x62] : [0xb9, 0xb6, 0xaf]);
	return { levels: table(theme), hatch, scale: scale || 1 };
}

export const pixelRatio = (): number => Math.min(3, Math.max(1, globalThis.devicePixelRatio || 1));

function blockMax(row: Float32Array, from: number, to: number, max: number): number {
	let best = max;
	if (Number.isNaN(max)) return max;
	for (let key = from; key < to; key++) {
		const value = row[key] ?? MASKED;
		if (!Number.isFinite(value)) return Number.NaN;
		if (value > best) best = value;
	}
	return best;
}

/** Cells over a window, each the maximum of block × block pairs: NaN where one is not finite. */
export function pool(matrix: Matrix, w: Window, block: number, causal: boolean): Float32Array {
	const side = Math.ceil(w.count / block);
	const out = new Float32Array(side * side).fill(MASKED);
	for (let i = 0; i < w.count; i++) {
		const row = rowOf(matrix, w.query + i);
		const end = Math.min(w.key + w.count, causal ? w.query + i + 1 : matrix.size);
		const line = Math.floor(i / block) * side;
		for (let j = 0, from = w.key; from < end; j++, from += block) {
			const max = out[line + j] ?? MASKED;
			out[line + j] = blockMax(row, from, Math.min(from + block, end), max);
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
		const [top = 0, bottom = 0] = edges.slice(i, i + 2);
		const row = cells.subarray(i * side, (i + 1) * side);
		paintRow(target, (y + top) * stride + x, bottom - top - gap, row, edges, ink);
	}
}

/** One line of pixels, copied down; what is not finite is hatched over it. */
function paintRow(
	target: Target,
	start: number,
	lines: number,
	row: Float32Array,
	edges: readonly number[],
	ink: Ink,
): void {
	const { pixels, stride, size, gap } = target;
	const span = (j: number) => [start + (edges[j] ?? 0), start + (edges[j + 1] ?? 0) - gap] as const;
	for (const [j, value] of row.entries()) {
		if (value === MASKED || Number.isNaN(value)) continue;
		const colour = ink.levels[level(value, ink.scale)] ?? 0;
		const [from, to] = span(j);
		for (let at = from; at < to; at++) pixels[at] = colour;
	}
	for (let line = 1; line < lines; line++) {
		pixels.copyWithin(start + line * stride, start, start + size);
	}
	for (const [j, value] of row.entries()) {
		const [from, to] = span(j);
		if (Number.isNaN(value)) hatch(target, from, to - from, lines, ink);
	}
}

function level(value: number, scale: number): number {
	const share = Math.min(1, Math.max(0, value / scale));
	return Math.round(share * (LEVELS - 1));
}

function hatch({ pixels, stride }: Target, start: number, width: number, lines: number, ink: Ink) {
	const step = 4 * Math.ceil(pixelRatio());
	for (let line = 0; line < lines; line++) {
		for (let at = start + line * stride; at < start + line * stride + width; at++) {
			if (((at % stride) + Math.floor(at / stride)) % step < step / 4) pixels[at] = ink.hatch;
		}
	}
}

/** Sizes a canvas in CSS pixels and paints it once; false where no 2D canvas exists. */
export function onCanvas(
	canvas: HTMLCanvasElement,
	width: number,
	height: number,
	work: (pixels: Uint32Array, stride: number) => void,
): boolean {
	const ratio = pixelRatio();
	const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * ratio)));
	if (canvas.width !== across) canvas.width = across ?? 1;
	if (canvas.height !== down) canvas.height = down ?? 1;
	canvas.style.width = `${width}px`;
	canvas.style.height = `${height}px`;
	const context = canvas.getContext("2d");
	if (!context) return false;
	const image = context.createImageData(canvas.width, canvas.height);
	work(new Uint32Array(image.data.buffer), canvas.width);
	context.putImageData(image, 0, 0);
	return true;
}
