import type { LensPayload, TokenInfo } from "../../contract.gen";
import type { At, GridData } from "../../shared/grid/types";
import { MASKED } from "../../shared/pixels";
import type { Theme } from "../../shared/theme";
import type { Action, Measure, State } from "./state";
import type { Store } from "./store";

export type Dispatch = (action: Action) => void;

/** Pixels: from here on the lines stand beside the grid, sharing its layer axis. */
export const BESIDE = 900;
/** Pixels of a cell with a word in it. */
const WORD = 64;

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: LensPayload;
	store: Store;
	theme: Theme;
	width: number;
	measure: Measure;
	/** Whose number colours the cells; −1: that of the token shown. */
	target: number;
	grid: GridData;
	/** What the last colour stands for. */
	top: number;
}

export const word = (text: string): TokenInfo => ({ text, special: false, generated: false });

/** The number that colours a cell; null: it is on its way. */
export function valueAt(scene: Omit<Scene, "grid" | "top">, [row, column]: At): number | null {
	const { payload, store, measure, target } = scene;
	const at = (payload.layers.length - 1 - row) * payload.tokens.length + column;
	if (measure === "probability") {
		const logprob = target < 0 ? store.logprob : store.map("logprob", target);
		return logprob && Math.exp(logprob[at] ?? Number.NaN);
	}
	const numbers = store.map(measure, target);
	if (!numbers) return null;
	const value = numbers[at] ?? Number.NaN;
	return measure === "rank" ? (value < 0 ? Number.NaN : value + 1) : value;
}

/** The cells, their words, and the prompt below them. */
export function gridOf(scene: Omit<Scene, "grid" | "top">): Pick<Scene, "grid" | "top"> {
	const { payload, store, measure, state } = scene;
	const { layers, tokens } = payload;
	const [rows, columns] = [layers.length, tokens.length];
	const values = Array.from({ length: rows * columns }, (_, i) =>
		valueAt(scene, [Math.floor(i / columns), i % columns]),
	);
	const finite = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
	const most = finite.reduce((a, b) => Math.max(a, b), 0);
	const top = measure === "probability" ? 1 : most || 1;
	const level = (value: number | null) => {
		if (value === null) return MASKED;
		if (measure !== "rank") return value / top;
		return top > 1 ? 1 - Math.log(value) / Math.log(top) : 1;
	};
	const bestAt = (row: number, column: number) =>
		store.best[(rows - 1 - row) * columns + column] ?? -1;
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
		levels: Float32Array.from(values, level),
		signed: false,
		text(row, column) {
			const id = bestAt(row, column);
			return id < 0 ? null : word(store.text(id));
		},
		cellHeight: rowHeight(rows),
		mostWidth: 76,
		...(state.words ? { leastWidth: WORD } : {}),
	};
	return { grid, top };
}

const nextIs = ({ store }: { store: Store }, id: number, { text }: TokenInfo): boolean =>
	id >= 0 && store.text(id) === text;

/** Few layers get tall cells, many low ones. */
const rowHeight = (rows: number): number =>
	rows <= 8 ? 32 : Math.max(8, Math.min(27, Math.floor(960 / rows)));
