import type { Bytes, TokensPayload } from "../../contract.gen";
import { bytesOf } from "../../shared/tensor";

const NONE = 2 ** 32 - 1;

/** Copied, because a buffer may begin anywhere in another. */
const words = (data: Bytes): ArrayBuffer => bytesOf(data).slice().buffer as ArrayBuffer;

export interface Guess {
	word: string;
	probability: number;
}

/** The numbers of a payload: rows that came with it, and those that were fetched. */
export class Rows {
	private rows = new Map<number, Float32Array>();
	private index = new Uint32Array();
	private logprob = new Float32Array();
	private payload: TokensPayload | null = null;

	setPayload(payload: TokensPayload | null): void {
		this.payload = payload;
		this.rows.clear();
		if (!payload) return;
		const count = payload.tokens.length;
		const values = new Float32Array(words(payload.values));
		if (values.length !== count * payload.held.length) {
			throw new Error(`${payload.held.length} rows of ${count} came as ${values.length} numbers`);
		}
		for (const [i, row] of payload.held.entries()) {
			this.rows.set(row, values.subarray(i * count, (i + 1) * count));
		}
		const { expected } = payload;
		this.index = new Uint32Array(expected ? words(expected.index) : []);
		this.logprob = new Float32Array(expected ? words(expected.logprob) : []);
	}

	get(row: number): Float32Array | null {
		return this.rows.get(row) ?? null;
	}

	add(row: number, data: Bytes): void {
		const values = new Float32Array(words(data));
		if (values.length === this.payload?.tokens.length) this.rows.set(row, values);
	}

	/** What the model expected at a position, the most probable first. */
	expected(position: number): Guess[] {
		const { expected } = this.payload ?? {};
		if (!expected) return [];
		const guesses: Guess[] = [];
		for (let at = position * expected.k; at < (position + 1) * expected.k; at++) {
			const word = expected.words[this.index[at] ?? NONE];
			if (word !== undefined) guesses.push({ word, probability: Math.exp(this.logprob[at] ?? 0) });
		}
		return guesses;
	}
}
