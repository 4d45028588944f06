import type { AttentionPayload, HeadDetail } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import { isRecord } from "../../shared/rpc";
import { checksum, decode, decodeMatrix, type Matrix } from "../../shared/tensor";
import type { HeadId } from "./state";

const MOST = 16;
const MOST_NUMBERS = 32e6;

/** A head as the page holds it: every pair, or the maxima of a thumbnail. */
export interface HeadView {
	matrix: Matrix;
	/** Tokens per cell: 1 is full resolution. */
	pooled: number;
	precision: "float16" | "uint8";
	/** Of its finite values: lets a test compare what is drawn with what was computed. */
	sum: number;
}

const key = (layer: number, head: number): string => `${layer}.${head}`;

export function isDetail(body: unknown): body is { detail: HeadDetail } {
	if (!isRecord(body) || !isRecord(body.detail) || !isRecord(body.detail.tensor)) return false;
	const { run, layer, head, packed, scale, tensor } = body.detail;
	const numbers = [run, layer, head, scale].every((value) => typeof value === "number");
	const known = tensor.dtype === "float16" || tensor.dtype === "uint8";
	return (
		numbers && known && (packed === "triangle" || packed === "full") && Array.isArray(tensor.shape)
	);
}

/** The decoded heads of one run: what travelled along, what was fetched since, the thumbnails. */
export class Heads {
	private decoded = new Map<string, HeadView>();
	private along = new Map<string, HeadDetail>();
	private thumbs = new Map<string, HeadView>();
	private payload: AttentionPayload | null = null;

	/** All or nothing: a payload that does not decode leaves the last one in place. */
	setPayload(payload: AttentionPayload | null): void {
		const thumbs = payload ? decodeThumbs(payload) : new Map();
		this.decoded.clear(); // run numbers start again with a new board: never trust an old head
		this.thumbs = thumbs;
		this.along.clear();
		this.payload = payload;
		for (const detail of payload?.details ?? []) {
			this.along.set(key(detail.layer, detail.head), detail);
		}
	}

	/** Keeps an answer, unless it is of a run that is gone. */
	add({ tensor, packed, scale, run, layer, head }: HeadDetail): void {
		const { payload } = this;
		const runs = [payload?.run, payload?.layer_runs[payload.layers.indexOf(layer)]];
		if (!runs.includes(run) || tensor.shape[0] !== payload?.tokens.length) return;
		const matrix = decodeMatrix(tensor, packed, scale);
		this.keep(key(layer, head), view(matrix, 1, tensor.dtype));
	}

	/** Full resolution, or null where it has to be fetched. */
	full([layer, head]: HeadId): HeadView | null {
		const id = key(layer, head);
		const along = this.along.get(id);
		if (along && !this.decoded.has(id)) this.add(along);
		const found = this.decoded.get(id) ?? null;
		if (found) this.keep(id, found);
		return found;
	}

	thumb([layer, head]: HeadId): HeadView | null {
		return this.thumbs.get(key(layer, head)) ?? null;
	}

	/** Names of the heads that a page without a kernel holds in full. */
	names(): string[] {
		const ids = new Set([...this.along.keys(), ...this.decoded.keys()]);
		return [...ids].map((id) => `L${id.replace(".", " H")}`);
	}

	/** The last one used is the last one dropped. */
	private keep(id: string, held: HeadView): void {
		this.decoded.delete(id);
		this.decoded.set(id, held);
		const most = Math.floor(MOST_NUMBERS / Math.max(1, held.matrix.values.length));
		for (const old of this.decoded.keys()) {
			if (this.decoded.size <= clamp(most, 1, MOST)) return;
			this.decoded.delete(old);
		}
	}
}

const view = (matrix: Matrix, pooled: number, precision: HeadView["precision"]): HeadView => {
	return { matrix, pooled, precision, sum: checksum(matrix) };
};

function decodeThumbs(payload: AttentionPayload): Map<string, HeadView> {
	const { thumbs, layers, heads, scale, pooled } = payload;
	const size = thumbs.shape[2] ?? 0;
	const numbers = decode(thumbs, scale, layers.length * heads.length * size * size);
	const held = new Map<string, HeadView>();
	for (const layer of layers) {
		for (const head of heads) {
			const at = held.size * size * size;
			const values = numbers.subarray(at, at + size * size);
			held.set(key(layer, head), view({ size, triangle: false, values }, pooled, "uint8"));
		}
	}
	return held;
}
