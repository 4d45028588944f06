import type { EffectsKept, EffectsPayload, Status } from "../../contract.gen";
import type { Chrome } from "../../shared/chrome";
import { inCell } from "../../shared/format";
import type { GridData } from "../../shared/grid";
import { clamp } from "../../shared/keys";
import type { Life } from "../../shared/life";
import type { Rpc } from "../../shared/rpc";
import { bytesOf } from "../../shared/tensor";

const LEAST_PRINTED = 0.05; // of the scale, where there is no control

export type Scene = ReturnType<typeof sceneOf>;

/** What the second part of the view's code works on. */
export interface Core {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	chrome: Chrome;
	table: HTMLElement;
	scene(): Scene | null;
	kept(): EffectsKept;
	keep(change: Partial<EffectsKept>): void;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	draw(scene: Scene | null, status: Status): void;
}

const numbers = (data: EffectsPayload["values"]): Float32Array => {
	const bytes = bytesOf(data);
	return new Float32Array(
		bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
	);
};

/** What is drawn of a payload: its numbers, and the grid of them. */
export function sceneOf(payload: EffectsPayload, beyond: boolean) {
	const [values, low, high] = [payload.values, payload.low, payload.high].map(numbers) as [
		Float32Array,
		Float32Array,
		Float32Array,
	];
	const control = payload.control;
	const ends = control && ([numbers(control.low), numbers(control.high)] as const);
	const outside = (i: number): boolean => {
		const value = values[i] as number;
		if (!ends) return Math.abs(value - payload.neutral) >= LEAST_PRINTED * payload.scale;
		return value < (ends[0][i] as number) || value > (ends[1][i] as number);
	};
	const level = (value: number, i: number) =>
		beyond && ends && Number.isFinite(value) && !outside(i)
			? 0
			: clamp((value - payload.neutral) / payload.scale, -1, 1);
	const columns = payload.columns.length;
	const data: GridData = {
		rows: payload.rows,
		lines: [{ labels: payload.columns }],
		columnsAt: "top",
		levels: values.map(level),
		signed: true,
		text: (at, column) => {
			const i = at * columns + column;
			return Number.isFinite(values[i]) && outside(i) ? inCell(values[i] as number) : null;
		},
	};
	return { payload, values, low, high, ends, data };
}
