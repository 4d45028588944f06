import type { Bytes, LensColumns, LensMap, LensPayload } from "../../../contract.gen";
import { bytesOf, decodeHalf } from "../../../shared/tensor";
import { idsOf, mapKey, type Numbers, type Store, whole } from "../store";

/** Fills the store with what came along beside the best tokens. */
export function fill(store: Store, payload: LensPayload): void {
	const { targets, columns } = payload;
	store.name(
		targets.map(({ id }) => id),
		targets.map(({ text }) => text),
	);
	for (const { data, ...map } of payload.maps) addMap(store, payload, map, data);
	const { index, logprob, target_logprob: of, target_rank: rank } = columns;
	if (index && logprob && of && rank)
		addColumns(store, payload, { ...columns, ids: payload.ids }, [index, logprob, of, rank]);
	store.version++;
}

/** Numbers of every layer and position, exact or as float16. */
export function addMap(
	store: Store,
	{ dtype }: LensPayload,
	{ name, target }: Pick<LensMap, "name" | "target">,
	data: Bytes,
): void {
	const half = name !== "rank" && dtype === "float16";
	const exact = name === "rank" ? Int32Array : Float32Array;
	const numbers = half ? decodeHalf(bytesOf(data)) : new exact(whole(data));
	store.maps.set(mapKey(name, target), numbers);
	store.version++;
}

/** Columns that were asked for bring words of their own. */
export function addColumns(
	store: Store,
	{ layers, k, targets }: LensPayload,
	{ positions, ids, words }: LensColumns,
	[index, ...rest]: readonly Bytes[],
): void {
	store.name(words.length ? ids : [], words);
	const every = idsOf(index as Bytes, ids);
	const [logprob, of, rank] = rest.map(whole) as [ArrayBuffer, ArrayBuffer, ArrayBuffer];
	const logprobs = new Float32Array(logprob);
	const [ofTargets, ranks] = [new Float32Array(of), new Int32Array(rank)];
	const [size, wide] = [layers.length * k, layers.length * targets.length];
	for (const [i, position] of positions.entries()) {
		const part = <T extends Numbers>(all: T, each: number) =>
			all.subarray(i * each, (i + 1) * each) as T;
		store.columns.set(position, {
			ids: every.slice(i * size, (i + 1) * size),
			logprob: part(logprobs, size),
			targetLogprob: part(ofTargets, wide),
			targetRank: part(ranks, wide),
		});
	}
	store.version++;
}
