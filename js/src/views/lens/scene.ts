import type { LensPayload, TokenInfo } from "../../contract.gen";
import type { At, GridData } from "../../shared/grid/types";
import { MASKED } from "../../shared/pixels";
import type { Theme } from "../../shared/theme";
import type { Action, Measure, State } from "./state";
import type { Store } from "./store";

export type Dispatch = (action: Action) => void;

/** Pixels: from here on lines may stand beside the grid, and their room and the space before. */
const BESIDE = 900;
export const LINES = 336;
/** Pixels of a cell that words are asked for in, and of the least one with a word. */
const [WORD, LEAST] = [64, 44];

/** Lines share the grid's layer axis where there is room, and not at the cost of its words. */
export function isBeside({ payload, width, state }: Bare): boolean {
	const fits = (room: number) => (room - 48) / payload.tokens.length >= LEAST;
	return width >= BESIDE && (state.words || fits(width - LINES) || !fits(width));
}

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: LensPayload;
	store: Store;
	theme: Theme;
	width: number;
	/** The lines stand beside the grid. */
	beside: boolean;
	measure: Measure;
	/** Whose number colours the cells; −1: that of the token shown. */
	target: number;
	grid: GridData;
	/** What the last colour stands for. */
	top: number;
}

/** A scene before its grid is made. */
export type Bare = Omit<Scene, "grid" | "top" | "beside">;

export const word = (text: string): TokenInfo => ({ text, special: false, generated: false });

/** Shares of the scale's end, row by row from the top, and what that end is. */
export interface Colours {
	levels: Float32Array;
	top: number;
}

/** Where a cell's numbers are, which begin with the first layer. */
export const cellOf = ({ payload }: Pick<Scene, "payload">, [row, column]: At): number =>
	(payload.layers.length - 1 - row) * payload.tokens.length + column;

/** How probable the token shown is; all other numbers come with the tools. */
export function plainColours({ payload, store, measure, target }: Bare): Colours {
	const columns = payload.tokens.length;
	const shown = measure === "probability" && target < 0;
	const level = (_: number, i: number) => {
		const at: At = [Math.floor(i / columns), i % columns];
		return shown ? Math.exp(store.logprob[cellOf({ payload }, at)] as number) : MASKED;
	};
	return { levels: store.logprob.map(level), top: 1 };
}

/** The cells, their words, and the prompt below them. */
export function gridOf(scene: Bare, colours: Colours): Pick<Scene, "grid" | "top"> {
	const { payload, store, state } = scene;
	const { layers, tokens } = payload;
	const rows = layers.length;
	const bestAt = (row: number, column: number) => store.best[cellOf(scene, [row, column])] ?? -1;
	const next = tokens.map((_, i): TokenInfo | null => tokens[i + 1] ?? null);
	const grid: GridData = {
		rows: layers.map((layer) => `L${layer}`).reverse(),
		lines: [
			{ name: "in", labels: tokens },
			{
				name: "next",
				labels: next.map((token) => token ?? "?"),
				dim: true,
				under: next.map((token, i) => token !== null && nextIs(scene, bestAt(0, i), token)),
			},
		],
		columnsAt: "bottom",
		levels: colours.levels,
		signed: false,
		text(row, column) {
			const id = bestAt(row, column);
			return id < 0 ? null : word(store.text(id));
		},
		cellHeight: rowHeight(rows),
		mostWidth: 76,
		...(state.words ? { leastWidth: WORD } : {}),
	};
	return { grid, top: colours.top };
}

const nextIs = ({ store }: { store: Store }, id: number, { text }: TokenInfo): boolean =>
	id >= 0 && store.text(id) === text;

/** Few layers get tall cells, many low ones. */
const rowHeight = (rows: number): number =>
	rows <= 8 ? 32 : Math.max(8, Math.min(27, Math.floor(960 / rows)));
