import type { At } from "../../../shared/grid/types";
import { clamp } from "../../../shared/keys";
import { cellOf, type Scene } from "../scene";
import { layerOf, pinnedCells, type State, selectedCells, shownPosition } from "../state";

/** One line: a number by layer, the first layer first; null: not known. */
export interface Series {
	/** Of the token; −1 for a line of a whole position. */
	id: number;
	text: string;
	position: number;
	values: (number | null)[];
	/** A token that is followed is read at every layer, another only where it is among the best. */
	followed: boolean;
}

const MOST = 6;
/** Lines that are drawn unasked. */
const USUAL = 3;

/** What is drawn by layer: tokens at the position that is looked at and at pins, or positions. */
export function seriesOf(scene: Scene): Series[] {
	const { measure } = scene;
	if (measure === "entropy" || measure === "kl") return positionSeries(scene, measure);
	const lines = wantedTokens(scene).map(([id, at]) => tokenSeries(scene, id, at));
	return lines.filter(({ values }) => values.some((value) => value !== null)).slice(0, MOST);
}

/** The selected cell's token, tokens that are followed, pinned cells' tokens, the layers' best. */
function wantedTokens(scene: Scene): [id: number, position: number][] {
	const { state, payload, store } = scene;
	const position = shownPosition(state);
	const found = new Map<string, [number, number]>();
	const add = (id: number, at: number) => {
		const key = `${id} ${at}`;
		if (id >= 0 && !found.has(key)) found.set(key, [id, at]);
	};
	const best = (cell: At) => store.best[cellOf(scene, cell)] ?? -1;
	const first = selectedCells(state).findLast(([, column]) => column === position);
	if (first) add(best(first), position);
	for (const { id } of payload.targets) add(id, position);
	for (const pin of pinnedCells(state)) add(best(pin), pin[1]);
	// What was the best at some layer; the last layer first.
	for (let row = 0; row < payload.layers.length && found.size < USUAL; row++)
		add(best([row, position]), position);
	return [...found.values()];
}

function tokenSeries(scene: Scene, id: number, position: number): Series {
	const { payload, store } = scene;
	const target = payload.targets.findIndex((one) => one.id === id);
	const values = payload.layers.map((_, at) => tokenValue(scene, id, target, position, at));
	return { id, text: store.text(id), position, values, followed: target >= 0 };
}

/** A token's probability or rank at a layer; null where it is neither followed nor kept. */
function tokenValue(
	{ payload, store, measure }: Scene,
	id: number,
	target: number,
	position: number,
	at: number,
): number | null {
	const { k, tokens, targets } = payload;
	const rank = measure === "rank";
	const column = store.columns.get(position);
	const finite = (logprob: number | undefined) =>
		logprob === undefined || Number.isNaN(logprob) ? null : Math.exp(logprob);
	if (!column) {
		const cell = at * tokens.length + position;
		if (store.best[cell] !== id) return null;
		return rank ? 1 : finite(store.logprob[cell]);
	}
	if (target >= 0) {
		const cell = at * targets.length + target;
		const before = column.targetRank[cell] ?? -1;
		return rank ? (before < 0 ? null : before + 1) : finite(column.targetLogprob[cell]);
	}
	const place = column.ids.slice(at * k, (at + 1) * k).indexOf(id);
	if (place < 0) return null;
	return rank ? place + 1 : finite(column.logprob[at * k + place]);
}

function positionSeries(scene: Scene, measure: "entropy" | "kl"): Series[] {
	const { state, payload, store } = scene;
	const pins = pinnedCells(state).map(([, column]) => column);
	const positions = [...new Set([shownPosition(state), ...pins])].slice(0, MOST);
	const numbers = store.map(measure);
	return positions.map((position) => ({
		id: -1,
		text: payload.tokens[position]?.text ?? "",
		position,
		values: payload.layers.map((_, at) => {
			const value = numbers?.[at * payload.tokens.length + position];
			return value === undefined || !Number.isFinite(value) ? null : value;
		}),
		followed: true,
	}));
}

/** Positions whose predictions are needed in full. */
export function neededPositions(state: State): number[] {
	if (!state.payload) return [];
	return [...new Set([shownPosition(state), ...pinnedCells(state).map(([, column]) => column)])];
}

/** The control's range for the first line, by layer; null: it was not run. */
export function bandOf(
	{ payload, measure }: Scene,
	line: Series | undefined,
): { low: (number | null)[]; high: (number | null)[]; n: number; title: string } | null {
	if (!line || measure !== "probability") return null;
	for (const { position, ids, low, high, n, title } of payload.bands) {
		const at = ids.indexOf(line.id);
		if (position === line.position && at >= 0)
			return { low: low[at] ?? [], high: high[at] ?? [], n, title };
	}
	return null;
}

export interface Axis {
	ticks: number[];
	/** 0…1 for a value. */
	share(value: number): number;
}

/** A readable step: 1, 2 or 5 of a power of ten. */
function niceStep(most: number, count: number): number {
	const rough = most / count;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10;
	return step * power;
}

/** The axis of the values: from 0 up; of ranks by powers of ten, with 1 at its far end. */
export function axisOf(scene: Scene, most: number): Axis {
	if (scene.measure === "rank") {
		const decades = Math.max(1, Math.ceil(Math.log10(Math.max(most, 2))));
		const ticks = Array.from({ length: decades + 1 }, (_, i) => 10 ** (decades - i));
		return { ticks, share: (value) => 1 - Math.log10(Math.max(1, value)) / decades };
	}
	const step = niceStep(Math.max(most, 1e-6), 4);
	const count = Math.max(1, Math.ceil(most / step - 1e-9));
	const top = count * step;
	const ticks = Array.from({ length: count + 1 }, (_, i) => i * step);
	return { ticks, share: (value) => clamp(value / top, 0, 1) };
}

export const layerName = (scene: Scene, at: number): string =>
	`L${layerOf(scene.payload, scene.payload.layers.length - 1 - at)}`;
