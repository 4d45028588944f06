import type { TokensPayload } from "../../contract.gen";
import { integer, weight } from "../../shared/format";
import type { Theme } from "../../shared/theme";
import type { Rows } from "./rows";
import type { Action, State } from "./state";

export type Dispatch = (action: Action) => void;

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: TokensPayload;
	theme: Theme;
	rows: Rows;
	/** The row on screen, and its numbers unless they are on their way. */
	row: number;
	values: Float32Array | null;
	absent: ReadonlySet<number>;
}

/** Where a value is on its ramp: −1…1; each side of a signed one has its own end. */
export function share({ scale, signed }: TokensPayload, value: number): number {
	const [low, high] = scale;
	if (!signed) return Math.min(1, Math.max(0, (value - low) / (high - low)));
	const end = value >= 0 ? high : low;
	return end * value > 0 ? Math.max(-1, Math.min(1, value / Math.abs(end))) : 0;
}

/** float32 has a rounding error of its own at the ends. */
const EDGE = 1.000001;

export const beyond = ({ scale: [low, high] }: TokensPayload, value: number): boolean =>
	Number.isFinite(value) && (value > high * EDGE || value < low * (low < 0 ? EDGE : 1 / EDGE));

/** A value as it is printed: 3.31, +2.61, 1,204. */
export function number({ signed }: TokensPayload, value: number, places = 2): string {
	const plus = signed && value > 0 ? "+" : "";
	const large = Number.isFinite(value) && Math.abs(value) >= 1000;
	return plus + (large ? integer(Math.round(value)) : weight(value, places));
}
