import type { Bytes, WirePatchGrid } from "../../../contract.gen";
import { memo } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import type { At, GridData, GridMarks } from "../../../shared/grid/types";
import { MASKED } from "../../../shared/pixels";
import { baseData, baseMarks, flipped, floats, neutral, type Scene } from "../scene";
import { type State, same } from "../state";

/** From here on a cell's number is printed where there is no control to compare with. */
export const MATTERS = 0.1;
/** What would be printed as 0 is not. */
const PRINTED = 0.005;

/** What else is known of a grid's cells, row by row; null where it did not travel. */
interface Details {
	raw: Float32Array | null;
	low: Float32Array | null;
	high: Float32Array | null;
	control: { low: Float32Array; high: Float32Array } | null;
}

const known = new WeakMap<WirePatchGrid, Details>();

export function detailsOf(grid: WirePatchGrid): Details {
	const before = known.get(grid);
	if (before) return before;
	const count = grid.layers.length * grid.columns.length;
	const read = (data: Bytes) => floats(data, count);
	const all = (data: Bytes) => read(data) ?? new Float32Array(count).fill(Number.NaN);
	const { control } = grid;
	const details = {
		...{ raw: read(grid.raw), low: read(grid.low), high: read(grid.high) },
		control: control && { low: all(control.low), high: all(control.high) },
	};
	known.set(grid, details);
	return details;
}

export const cellAt = ({ columns }: WirePatchGrid, [row, column]: At): number =>
	row * columns.length + column;

/** A cell's share, exact where an estimate was run exactly by a click. */
export function valueAt({ grid, values, state, index }: Scene, at: At): number {
	const run = grid.exact ? null : outputAt(state, index, at);
	return run ? run.share : (values[cellAt(grid, at)] ?? Number.NaN);
}

export const outputAt = ({ patches }: State, index: number, [row, column]: At) =>
	patches.outputs.find((one) => one.grid === index && one.row === row && one.column === column);

/** Whether a cell leaves its control; null without one. */
function isBeyond({ grid }: Scene, at: At, value: number): boolean | null {
	const { control } = detailsOf(grid);
	if (!control) return null;
	const i = cellAt(grid, at);
	const [low, high] = [control.low[i] ?? Number.NaN, control.high[i] ?? Number.NaN];
	return Number.isNaN(low) ? null : value < low || value > high;
}

/** Printed only where it leaves the control, or where it is large while there is none. */
function cellText(scene: Scene, at: At): string | null {
	const value = valueAt(scene, at);
	const change = value - neutral(scene.grid);
	const tells = isBeyond(scene, at, value) ?? Math.abs(change) >= MATTERS;
	if (!tells || Number.isNaN(change) || Math.abs(change) < PRINTED) return null;
	return scene.grid.alone.includes(at[1]) ? null : short(change);
}

/** In a cell: .58, −.09, 1.0. */
const short = (value: number): string =>
	weight(value, Math.abs(value) >= 0.995 ? 1 : 2).replace(/^(−?)0\./, "$1.");

/** The grid with its numbers, what is hidden and what was run exactly. */
export function makeData(): (scene: Scene) => GridData {
	const on = memo();
	let data: GridData;
	return (scene) => {
		const { grid, state } = scene;
		on([grid, state.beyond && grid.control, grid.exact || state.patches.outputs], () => {
			const base = baseData(scene);
			const { columns } = grid;
			const levels = base.levels.map((level, i) => {
				if (level === MASKED) return level;
				const at = flipped(grid, [Math.floor(i / columns.length), i % columns.length]);
				const value = valueAt(scene, at);
				if (state.beyond && isBeyond(scene, at, value) === false) return MASKED;
				return Math.max(-1, Math.min(1, value - neutral(grid)));
			});
			data = {
				...{ ...base, levels },
				text: (row, column) => cellText(scene, flipped(grid, [row, column])),
			};
		});
		return data;
	};
}

/** What is selected, looked at, doubtful, and where the keyboard is. */
export function marksOf(scene: Scene, focused: boolean): GridMarks {
	const { grid, state, index } = scene;
	const base = baseMarks(scene);
	const flip = (at: At) => flipped(grid, at);
	const disagree = grid.agreement?.disagree ?? [];
	const open = base.selected.some((at) => same(at, state.open && flip(state.open)));
	const hover = state.hover ?? (open ? null : state.open);
	return {
		...base,
		dashed: disagree.filter((at) => !outputAt(state, index, at)).map(flip),
		hover: hover && flip(hover),
		cursor: focused ? flip(state.cursor) : null,
	};
}
