import type { AttentionPayload, HeadDetail } from "../../contract.gen";
import { decode, decodeMatrix, type Matrix } from "../../shared/tensor";
import type { HeadId } from "./state";

/** A head as the page holds it: every pair, or the largest of each block in a thumbnail. */
export interface HeadView {
	matrix: Matrix;
	/** Tokens per cell: 1 is full resolution. */
	pooled: number;
	precision: "float16" | "uint8";
}

/** The decoded heads of one run, by "layer,head": in full, and as thumbnails. */
export class Heads {
	decoded = new Map<string, HeadView>();
	along = new Map<string, HeadDetail>();
	private thumbs = new Map<string, HeadView>();
	private payload: AttentionPayload | null = null;

	/** All or nothing: a payload that does not decode leaves the last one in place. */
	setPayload(payload: AttentionPayload | null): void {
		const thumbs = payload ? decodeThumbs(payload) : new Map();
		this.decoded.clear(); // run numbers start again with a new board: never trust an old head
		this.thumbs = thumbs;
		this.payload = payload;
		this.along = new Map(payload?.details.map((one) => [`${one.layer},${one.head}`, one]));
	}

	add({ tensor, packed, scale, layer, head }: HeadDetail): void {
		const matrix = decodeMatrix(tensor, packed, scale, this.payload?.signed);
		this.decoded.set(`${layer},${head}`, { matrix, pooled: 1, precision: tensor.dtype });
	}

	/** Full resolution, or null where it has to be fetched. */
	full(head: HeadId): HeadView | null {
		const id = String(head);
		const along = this.along.get(id);
		if (along && !this.decoded.has(id)) this.add(along);
		return this.decoded.get(id) ?? null;
	}

	thumb(head: HeadId): HeadView | null {
		return this.thumbs.get(String(head)) ?? null;
	}
}

function decodeThumbs(payload: AttentionPayload): Map<string, HeadView> {
	const { thumbs, layers, heads, scale, pooled, signed } = payload;
	const size = thumbs.shape[2] ?? 0;
	const numbers = decode(thumbs, scale, layers.length * heads.length * size * size, signed);
	const held = new Map<string, HeadView>();
	for (const layer of layers) {
		for (const head of heads) {
			const at = held.size * size * size;
			const matrix = { size, triangle: false, values: numbers.subarray(at, at + size * size) };
			held.set(`${layer},${head}`, { matrix, pooled, precision: "uint8" });
		}
	}
	return held;
}
