import { h } from "../../../shared/dom";
import { plural, weight } from "../../../shared/format";
import { tokenNode } from "../../../shared/tokens";
import { otherTokens, type Scene, sourceName } from "../scene";
import { MATTERS, valueAt } from "./cells";
import { action, quantity, share } from "./words";

type Said = (Node | string)[];

/** Facts only: what 0 and 1 are, what is printed, what is missing, how far an estimate holds. */
export function captionOf(scene: Scene): Said {
	const { grid, state } = scene;
	const { metric, clean, corrupted, unit, n } = grid;
	const mean = n > 1 ? `, means over ${n} pairs` : "";
	const ends =
		grid.direction === "denoising"
			? `1 restores the clean ${metric} (${quantity(clean, unit)}), 0 is the corrupted run (${quantity(corrupted, unit)})${mean}.`
			: `0 leaves the clean ${metric} (${quantity(clean, unit)}), −1 is as the corrupted run (${quantity(corrupted, unit)})${mean}.`;
	return [
		ends,
		...printed(scene),
		...estimate(scene),
		...(grid.alone.length
			? [` ${plural(grid.alone.length, "position")} without a partner in the other prompt: bare.`]
			: []),
		...differing(scene),
		...(state.offline ? [" No kernel: patches, controls and what a cell says next need Run."] : []),
	];
}

function printed({ grid, state, index, words }: Scene): Said {
	const { control } = grid;
	if (control) {
		const bare = state.beyond ? " Bare: within it." : "";
		const title = `control range (${control.title}; 95 % of ${control.n} draws a cell)`;
		const where = words
			? "Numbers are printed only where they leave the"
			: "A cell's read-out has its";
		return [` ${where} ${title}.${bare}`];
	}
	const said = words ? ` Numbers are printed from ${weight(MATTERS, 1)} on; ` : " There is ";
	const run = state.patches.can_run
		? [" · ", action("run", "control", { grid: index, number: null })]
		: [];
	return [said, h("b", {}, "no control yet"), ...run, "."];
}

function estimate({ grid, state }: Scene): Said {
	if (grid.exact) return [];
	const { agreement } = grid;
	if (!agreement) {
		const run = state.patches.can_run ? [" · ", action("run the exact grid", "exact")] : [];
		return [
			" Estimated from one gradient, to first order; a click runs a cell exactly",
			...run,
			".",
		];
	}
	const { correlation, disagree, tolerance } = agreement;
	const r = correlation === null ? "not defined" : weight(correlation);
	const cells = plural(disagree.length, "cell");
	const differ = disagree.length === 1 ? "differs" : "differ";
	return [
		" Estimated from one gradient; correlation with the exact grid ",
		h("b", {}, r),
		`; ${cells} ${differ} by more than ${weight(tolerance, 1)} (dashed): a click runs one exactly.`,
	];
}

/** Slanted names have room for one prompt only: the other one's words are told here. */
function differing(scene: Scene): Said {
	const { grid } = scene;
	if (grid.by !== "position" || scene.flat) return [];
	const tokens = otherTokens(grid);
	const other = grid.columns.flatMap((position, i) => {
		const token = tokens[i];
		const own = grid.target[position];
		return token && own ? [{ position, token, own }] : [];
	});
	if (!other.length || other.length > 3) return [];
	return [
		h(
			"span",
			{ class: "iw-pt-differs" },
			...other.flatMap(({ position, token, own }) => [
				` Position ${position} is `,
				tokenNode(own, 12),
				" here and ",
				tokenNode(token, 12),
				` in the ${sourceName(grid)} prompt.`,
			]),
		),
	];
}

/** The grid and where the keyboard is, for who hears it. */
export function gridLabel(scene: Scene): string {
	const { grid, state } = scene;
	const [row, column] = state.cursor;
	const size = `${grid.layers.length} layers × ${plural(grid.columns.length, grid.by)}`;
	const name =
		grid.by === "head" ? `head ${grid.columns[column]}` : `position ${grid.columns[column]}`;
	const value = valueAt(scene, state.cursor);
	const said = Number.isNaN(value) ? "not run" : `share ${share(value)}`;
	const from = state.source === null ? "" : `; patching from position ${state.source}`;
	return `grid of ${size}; layer ${grid.layers[row]}, ${name}, ${said}${from}`;
}
