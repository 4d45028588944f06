import type { BoardColumn, Bytes, HeadBoardPayload } from "../../contract.gen";
import { bytesOf, decode } from "../../shared/tensor";
import type { HeadId } from "./state";

export const KINDS = ["q", "k", "v"] as const;

/** One column: numbers by the head's place, layer by layer. */
export interface Column {
	info: BoardColumn;
	values: Float32Array;
	low: Float32Array;
	high: Float32Array;
	beyond: Uint8Array;
	/** The size at which bars end. */
	top: number;
}

/** Copied, because a buffer may begin anywhere in another. */
const floats = (data: Bytes): Float32Array =>
	new Float32Array(bytesOf(data).slice().buffer as ArrayBuffer);

const halves = (data: Bytes, count: number): Float32Array =>
	decode({ dtype: "float16", shape: [count], data }, 1, count);

function columnOf(info: BoardColumn, count: number): Column {
	const [values, low, high] = [floats(info.values), floats(info.low), floats(info.high)];
	if (values.length !== count) {
		throw new Error(`${count} heads came as ${values.length} numbers of ${info.title}`);
	}
	// Shares of attention have one scale, so that they can be compared.
	let top = info.unit || info.signed ? 0 : 1;
	for (const value of [...values, ...low, ...high])
		if (Number.isFinite(value)) top = Math.max(top, Math.abs(value));
	return { info, values, low, high, beyond: bytesOf(info.beyond), top: top || 1 };
}

/** The numbers of a payload, and those that were fetched since. */
export class Numbers {
	columns: readonly Column[] = [];
	ownRank: Float32Array = new Float32Array();
	first: Float32Array = new Float32Array();
	private payload: HeadBoardPayload | null = null;
	private eigenvalues = new Map<string, Float32Array>();
	private composition: Float32Array = new Float32Array();
	private blocks = new Map<string, Float32Array>();

	setPayload(payload: HeadBoardPayload | null): void {
		this.payload = payload;
		this.columns = [];
		this.eigenvalues.clear();
		this.blocks.clear();
		if (!payload) return;
		const { layers, heads, weights, composition } = payload;
		const count = layers.length * heads;
		this.columns = payload.columns.map((column) => columnOf(column, count));
		this.ownRank = weights ? floats(weights.own_rank) : new Float32Array();
		this.first = weights ? floats(weights.top_1) : new Float32Array();
		if (weights) {
			const all = floats(weights.eigenvalues);
			for (const [i, head] of weights.held.entries())
				this.eigenvalues.set(
					String(head),
					all.subarray(2 * weights.rank * i, 2 * weights.rank * (i + 1)),
				);
		}
		if (composition) {
			const side = composition.by === "head" ? count : layers.length;
			this.composition = halves(composition.values, 3 * side * side);
			for (const { layer, to_layer: to, values } of composition.blocks)
				this.addBlock(layer, to, values);
		}
	}

	column(name: string): Column | null {
		return this.columns.find(({ info }) => info.name === name) ?? null;
	}

	/** Real and imaginary parts in turn; null where they have not come yet. */
	eigen(head: HeadId): Float32Array | null {
		return this.eigenvalues.get(String(head)) ?? null;
	}

	addEigen(head: HeadId, data: Bytes): void {
		const values = floats(data);
		if (values.length === 2 * (this.payload?.weights?.rank ?? 0))
			this.eigenvalues.set(String(head), values);
	}

	/** From the head, or the layer, at one place to that at another. */
	composed(kind: number, from: number, to: number): number {
		const side = Math.round(Math.sqrt(this.composition.length / 3));
		return this.composition[(kind * side + from) * side + to] ?? Number.NaN;
	}

	/** [kind, head, to head] of two layers; null where it has not come yet. */
	block(layer: number, to: number): Float32Array | null {
		return this.blocks.get(`${layer},${to}`) ?? null;
	}

	addBlock(layer: number, to: number, data: Bytes): void {
		const { heads = 0 } = this.payload ?? {};
		this.blocks.set(`${layer},${to}`, halves(data, 3 * heads * heads));
	}
}
