import type { ProbePayload } from "../../../contract.gen";
import { div, h, memo, set } from "../../../shared/dom";
import { type GridData, makeGrid } from "../../../shared/grid";
import { layerName } from "../numbers";
import { chosenLayer, chosenProbe, readOf, type State } from "../state";
import type { Core } from "../view";
import { confusionOf } from "./measure";

/** Of several classes: which is taken for which. */
export function makeConfusion(core: Core): (state: State, payload: ProbePayload) => void {
	const { confusion, root, life } = core;
	const nothing = () => {};
	const grid = makeGrid(life, { hover: nothing, press: nothing, move: nothing });
	const head = div("h");
	const under = div(
		"dim",
		"rows: true, columns: said (the highest score); shade: share of the row",
	);
	confusion.append(head, grid.box, under);
	const onData = memo();
	let data: GridData | null = null;
	return (state, payload) => {
		const { classes } = payload;
		confusion.hidden = classes.length < 3;
		if (confusion.hidden) return;
		const layer = chosenLayer(state);
		onData([payload, chosenProbe(state), layer, state.kept.part], () => {
			data = gridOf(state, payload);
			head.replaceChildren(h("b", {}, "Confusion"), `at ${layerName(payload.layers[layer] ?? 0)}`);
		});
		if (!data) return;
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		grid.draw(data, { selected: [] }, confusion.clientWidth || 400, theme);
		set(grid.box, { "aria-label": "confusion matrix: rows true, columns said" });
	};
}

function gridOf(state: State, payload: ProbePayload): GridData | null {
	const { classes } = payload;
	const whole = readOf(state);
	const targets = payload.target.filter((_, i) => payload.part[i] === state.kept.part);
	if (!whole || whole.all.length !== targets.length) return null;
	const counts = confusionOf(whole.all, targets, classes.length);
	const sums = counts.map((row) => row.reduce((a, b) => a + b, 0) || 1);
	const levels = counts.flatMap((row, i) => row.map((count) => count / (sums[i] ?? 1)));
	return {
		rows: classes,
		lines: [{ labels: classes }],
		columnsAt: "top",
		levels: Float32Array.from(levels),
		signed: false,
		text: (row, column) => String(counts[row]?.[column] ?? 0),
		cellHeight: 30,
		wordWidth: 18,
		mostWidth: 72,
	};
}
