import type { HeadBoardPayload } from "../../contract.gen";
import { weight } from "../../shared/format";
import type { Theme } from "../../shared/theme";
import type { Column, Numbers } from "./numbers";
import type { Change, HeadId, State } from "./state";

/** What happens in the figure. */
export interface Acts {
	set(change: Change): void;
	head(head: HeadId, add: boolean): void;
	/** Ticks a head, or takes its tick away. */
	tick(head: HeadId): void;
}

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: HeadBoardPayload;
	numbers: Numbers;
	theme: Theme;
	width: number;
	/** Places of heads in the table's order, and of those on its page. */
	order: readonly number[];
	rows: readonly number[];
	head: HeadId | null;
}

/** A column's number as it is printed. */
export function shown({ info }: Column, value: number, places = 2): string {
	if (Number.isNaN(value)) return "·";
	return (info.signed && value > 0 ? "+" : "") + weight(value, places);
}

/** The control of one head's number, in words. */
export function control(column: Column, place: number): string {
	const { info, low, high } = column;
	const [from, to] = [low[place] ?? Number.NaN, high[place] ?? Number.NaN];
	if (!info.null || !Number.isFinite(from) || !Number.isFinite(to)) return "";
	const between = info.signed ? " to " : "–";
	const range = isPoint(from, to)
		? shown(column, to)
		: `${shown(column, from)}${between}${shown(column, to)}`;
	return `${info.null}: ${range}`;
}

/** A control that is one number, not a range. */
export const isPoint = (from: number, to: number): boolean => to - from < 5e-4;
