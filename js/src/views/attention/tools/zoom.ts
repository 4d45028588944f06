import { clamp } from "../../../shared/keys";
import type { Zoom } from "../state";

const LEAST = 4;

export const allTokens = ([q0, q1]: Zoom, count: number): boolean => q0 === 0 && q1 >= count;

/** The nearest window of the same span that lies inside the matrix. */
export function within([q0, q1, k0, k1]: Zoom, count: number): Zoom {
	const span = clamp(Math.round(Math.max(q1 - q0, k1 - k0)), Math.min(LEAST, count), count);
	const query = clamp(Math.round(q0), 0, count - span);
	const key = clamp(Math.round(k0), 0, count - span);
	return [query, query + span, key, key + span];
}

/** Scales the window around one pair, which keeps its place on the screen. */
export function zoomAt(
	zoom: Zoom,
	factor: number,
	query: number,
	key: number,
	count: number,
): Zoom {
	const [q0, q1, k0] = zoom;
	const old = q1 - q0;
	const step = factor < 1 ? Math.floor(old * factor) : Math.ceil(old * factor);
	const span = clamp(step, Math.min(LEAST, count), count);
	const start = (from: number, at: number) => at - ((at - from + 0.5) / old) * span + 0.5;
	const query0 = start(q0, query);
	const key0 = start(k0, key);
	return within([query0, query0 + span, key0, key0 + span], count);
}

export function pan([q0, q1, k0, k1]: Zoom, queries: number, keys: number, count: number): Zoom {
	return within([q0 + queries, q1 + queries, k0 + keys, k1 + keys], count);
}
