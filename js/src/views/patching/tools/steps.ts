import type { At } from "../../../shared/grid/types";
import { clamp } from "../../../shared/keys";
import type { Dispatch } from "../scene";
import { gridOf, type State, selectedCells } from "../state";

/** The keyboard's cell, moved over the picture: the last layer is on top. */
export function moved(state: State, [down, right]: At): Partial<State> {
	const grid = gridOf(state);
	if (!grid) return {};
	const [row, column] = state.cursor;
	const cursor: At = [
		clamp(row - down, 0, grid.layers.length - 1),
		clamp(column + right, 0, grid.columns.length - 1),
	];
	return { cursor, hover: cursor };
}

/** A run more, or one less, of those that are compared: two at most. */
export function compared({ compared: before }: State, number: number): Partial<State> {
	const others = before.filter((one) => one !== number);
	return { compared: others.length < before.length ? others : [...others, number].slice(-2) };
}

/** One step back at a time: what is newest goes first. */
export function stepBack(state: State, dispatch: Dispatch): void {
	const set = (change: Partial<State>) => dispatch({ type: "set", change });
	if (state.source !== null) set({ source: null });
	else if (state.hover) set({ hover: null });
	else if (state.open) set({ open: null });
	else if (selectedCells(state).length) dispatch({ type: "press", at: null });
	else set(state.tableOpen ? { tableOpen: false } : { panelOpen: false });
}
