import type { Bytes, TokenInfo, WirePatchGrid } from "../../contract.gen";
import type { At, GridData, GridMarks, Label, Line } from "../../shared/grid/types";
import { MASKED } from "../../shared/pixels";
import { bytesOf } from "../../shared/tensor";
import type { Theme } from "../../shared/theme";
import { type Action, type State, selectedCells } from "./state";

export type Dispatch = (action: Action) => void;

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	grid: WirePatchGrid;
	index: number;
	/** The grid's shares, row by row. */
	values: Float32Array;
	theme: Theme;
	/** Whether cells have room for numbers, and every token has its name above. */
	words: boolean;
	flat: boolean;
}

/** Pixels that ".46" needs. */
const WORD = 29;

/** Copied, because a buffer may begin anywhere in another; null where nothing came. */
export function floats(data: Bytes, count: number): Float32Array | null {
	const bytes = bytesOf(data);
	if (bytes.byteLength === 0) return null;
	if (bytes.byteLength !== 4 * count) {
		throw new Error(`a grid of ${count} cells came with ${bytes.byteLength} bytes`);
	}
	return new Float32Array(bytes.slice().buffer as ArrayBuffer);
}

export const valuesOf = ({ values, layers, columns }: WirePatchGrid): Float32Array =>
	floats(values, layers.length * columns.length) ?? new Float32Array();

/** Where nothing is patched: 0 of the corrupted run; noising begins at the clean one. */
export const neutral = ({ direction }: WirePatchGrid): number => (direction === "noising" ? 1 : 0);

/** Cells of a row of the picture: the last layer is on top. */
export const flipped = ({ layers }: WirePatchGrid, [row, column]: At): At => [
	layers.length - 1 - row,
	column,
];

/** What a position is called: its token where all pairs have the same one. */
export const columnLabel = ({ columns, target, varying, by }: WirePatchGrid, i: number): Label => {
	const at = columns[i] ?? 0;
	if (by !== "position") return `${by === "head" ? "H" : "N"}${at}`;
	const token = target[at];
	return varying.includes(at) || !token ? `pos ${at}` : token;
};

/** The partner of each position of the prompt that is changed. */
export const partners = ({ mapping }: WirePatchGrid): Map<number, number> =>
	new Map(mapping.map(([there, here]) => [here, there]));

/** The other prompt's token at each column, where it is another one. */
export function otherTokens(grid: WirePatchGrid): (TokenInfo | null)[] {
	const there = partners(grid);
	return grid.columns.map((at) => {
		const [own, other] = [grid.target[at], grid.source[there.get(at) ?? -1]];
		return own && other && own.text !== other.text && !grid.varying.includes(at) ? other : null;
	});
}

export const sourceName = ({ direction }: WirePatchGrid): string =>
	direction === "denoising" ? "clean" : "corrupted";

function linesOf(grid: WirePatchGrid): Line[] {
	const own = { labels: grid.columns.map((_, i) => columnLabel(grid, i)) };
	const labels = grid.by !== "position" ? [] : otherTokens(grid);
	const under = labels.map(Boolean);
	if (!under.includes(true)) return [own];
	return [own, { name: `${sourceName(grid)}, where it differs:`, labels, dim: true, under }];
}

/** Drawn is how far a cell is from doing nothing: −1…1. */
export function baseData({ grid, values }: Scene): GridData {
	const columns = grid.columns.length;
	const levels = values.map((_, i) => {
		const [row, column] = flipped(grid, [Math.floor(i / columns), i % columns]);
		if (grid.alone.includes(column)) return MASKED;
		return Math.max(-1, Math.min(1, (values[row * columns + column] as number) - neutral(grid)));
	});
	const rows = grid.layers.map((layer) => `L${layer}`).reverse();
	return { rows, lines: linesOf(grid), columnsAt: "top", levels, signed: true, wordWidth: WORD };
}

export function baseMarks({ grid, state }: Scene): GridMarks {
	const cells = selectedCells(state).map((at) => flipped(grid, at));
	if (cells.length || grid.by !== "position") return { selected: cells };
	const row = state.layer === null ? -1 : grid.layers.indexOf(state.layer);
	return {
		selected: [],
		rows: row < 0 ? [] : [grid.layers.length - 1 - row],
		columns: state.tokens.map((token) => grid.columns.indexOf(token)).filter((at) => at >= 0),
	};
}
