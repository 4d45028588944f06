import { inCell } from "../../../shared/format";
import type { GridData, GridMarks } from "../../../shared/grid";
import { MASKED } from "../../../shared/pixels";
import { KINDS } from "../numbers";
import type { Scene } from "../scene";
import { type HeadId, headAt, headName, sameHead } from "../state";

const TALLEST = 440;

/** A grid of scores, and what its rows and columns are. */
export interface Composed {
	data: GridData;
	rows: readonly HeadId[];
	columns: readonly HeadId[];
	values: Float32Array;
	/** The largest score: the ramp's end. */
	top: number;
}

export const kindIndex = ({ state }: Scene): number => KINDS.indexOf(state.kind);

/** All heads but those of the last layer down, all but those of the first across. */
export function everyPair(scene: Scene): Composed | null {
	const { payload } = scene;
	const { layers, heads, composition } = payload;
	if (!composition || layers.length < 2) return null;
	const byHead = composition.by === "head";
	const side = byHead ? heads : 1;
	const count = (layers.length - 1) * side;
	const id = (place: number): HeadId => (byHead ? headAt(payload, place) : [layers[place] ?? 0, 0]);
	const rows = Array.from({ length: count }, (_, i) => id(i));
	const columns = Array.from({ length: count }, (_, i) => id(i + side));
	const kind = kindIndex(scene);
	const value = (row: number, column: number) => scene.numbers.composed(kind, row, column + side);
	const name = byHead ? headName : ([layer]: HeadId) => `L${layer}`;
	return composed(scene, rows, columns, value, name);
}

/** The heads of two layers, on the scale of all. */
export function onePair(
	scene: Scene,
	block: readonly [number, number],
	top: number,
): Composed | null {
	const { heads } = scene.payload;
	const scores = scene.numbers.block(...block);
	if (!scores) return null;
	const of = (layer: number) => Array.from({ length: heads }, (_, head): HeadId => [layer, head]);
	const kind = kindIndex(scene);
	const value = (row: number, column: number) =>
		scores[(kind * heads + row) * heads + column] ?? Number.NaN;
	return composed(scene, of(block[0]), of(block[1]), value, headName, top);
}

function composed(
	{ payload }: Scene,
	rows: readonly HeadId[],
	columns: readonly HeadId[],
	value: (row: number, column: number) => number,
	name: (head: HeadId) => string,
	least = 0,
): Composed {
	const { mean = 0, high = 0 } = payload.composition ?? {};
	const values = new Float32Array(rows.length * columns.length);
	for (const row of rows.keys())
		for (const column of columns.keys()) values[row * columns.length + column] = value(row, column);
	const top = values.reduce((most, one) => (one > most ? one : most), Math.max(high, least));
	// Bare as zero: what random matrices score on average.
	const levels = values.map((one) =>
		Number.isNaN(one) ? MASKED : Math.max(0, (one - mean) / (top - mean || 1)),
	);
	const cellHeight = Math.max(4, Math.min(26, Math.floor(TALLEST / rows.length)));
	const data: GridData = {
		rows: rows.map(name),
		lines: [{ labels: columns.map(name) }],
		...{ columnsAt: "top", levels, signed: false, cellHeight },
		text: (row, column) => {
			const one = values[row * columns.length + column] ?? Number.NaN;
			return one > high ? inCell(one) : null;
		},
	};
	return { data, rows, columns, values, top };
}

/** Names of selected heads, and their cell where a pair is selected. */
export function marksOf(
	{ rows, columns }: Composed,
	heads: readonly HeadId[],
	hover: GridMarks["hover"],
	cursor: GridMarks["cursor"],
): GridMarks {
	const at = (of: readonly HeadId[]) =>
		of.flatMap((one, i) => (heads.some((head) => sameHead(head, one)) ? [i] : []));
	const [down, across] = [at(rows), at(columns)];
	const pair = heads.slice(-2);
	const row = rows.findIndex((one) => pair[0] && sameHead(one, pair[0]));
	const column = columns.findIndex((one) => pair[1] && sameHead(one, pair[1]));
	const selected = row >= 0 && column >= 0 ? [[row, column] as const] : [];
	return { selected, rows: down, columns: across, hover: hover ?? null, cursor: cursor ?? null };
}
