import type { Bytes, LensMap, LensPayload } from "../../contract.gen";
import { bytesOf } from "../../shared/tensor";

const NONE = 2 ** 32 - 1;

/** All that is kept of the predictions at one position; by layer, then by rank or target. */
export interface Column {
	/** Token ids, −1 for none. */
	ids: number[];
	logprob: Float32Array;
	targetLogprob: Float32Array;
	targetRank: Int32Array;
}

export type Numbers = Float32Array | Int32Array;

/** Copied, because a buffer may begin anywhere in another. */
export const whole = (data: Bytes): ArrayBuffer => bytesOf(data).slice().buffer as ArrayBuffer;

export const idsOf = (data: Bytes, ids: readonly number[]): number[] =>
	Array.from(new Uint32Array(whole(data)), (at) => (at === NONE ? -1 : (ids[at] ?? -1)));

export const mapKey = (name: LensMap["name"], target: number): string => `${name} ${target}`;

/** The numbers of a payload; all but the best tokens are filled in by the tools. */
export class Store {
	/** Counts what came: another number, another picture. */
	version = 0;
	/** By layer and position: the id of the most probable token, −1 for none. */
	best: number[] = [];
	logprob: Float32Array = new Float32Array();
	maps = new Map<string, Numbers>();
	columns = new Map<number, Column>();
	private names = new Map<number, string>();

	setPayload(payload: LensPayload | null): void {
		this.version++;
		for (const held of [this.maps, this.columns, this.names]) held.clear();
		if (!payload) return;
		this.name(payload.ids, payload.words);
		this.best = idsOf(payload.best, payload.ids);
		this.logprob = new Float32Array(whole(payload.best_logprob));
		const count = payload.tokens.length * payload.layers.length;
		if (this.best.length !== count)
			throw new Error(`${count} predictions came as ${this.best.length}`);
	}

	name(ids: readonly number[], texts: readonly string[]): void {
		for (const [i, id] of ids.entries()) this.names.set(id, texts[i] ?? "");
	}

	/** By layer and position; null: not here. */
	map(name: LensMap["name"], target = -1): Numbers | null {
		return this.maps.get(mapKey(name, target)) ?? null;
	}

	text(id: number): string {
		return this.names.get(id) ?? `[${id}]`;
	}
}
