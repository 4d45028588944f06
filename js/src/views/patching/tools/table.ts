import { h, memo } from "../../../shared/dom";
import { spelled, tokenNode } from "../../../shared/tokens";
import { columnLabel, type Scene } from "../scene";
import type { Core } from "../view";
import { valueAt } from "./cells";
import { share } from "./words";

/** The grid in numbers. */
export function makeTable({ table: node }: Core): (scene: Scene) => void {
	const onGrid = memo();
	node.className = "iw-pt-table";
	return (scene) => {
		const { state, grid } = scene;
		node.hidden = !state.tableOpen;
		if (node.hidden) return;
		onGrid([grid, state.patches.outputs], () => node.replaceChildren(table(scene)));
	};
}

function table(scene: Scene): HTMLElement {
	const { grid } = scene;
	const names = grid.columns.map((_, i) => {
		const label = columnLabel(grid, i);
		return h("th", { scope: "col" }, typeof label === "string" ? label : tokenNode(label, 12));
	});
	const rows = grid.layers.map((layer, row) => {
		const cells = grid.columns.map((_, column) => {
			const value = valueAt(scene, [row, column]);
			return h("td", { class: "iw-r" }, Number.isNaN(value) ? "" : share(value));
		});
		return h("tr", {}, h("th", { scope: "row" }, `L${layer}`), ...cells);
	});
	const head = h("tr", {}, h("th", {}, "share"), ...names);
	return h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows.reverse()));
}

/** The grid, tab-separated. */
export function gridAsTsv(scene: Scene): string {
	const { grid } = scene;
	const names = grid.columns.map((at, i) => {
		const label = columnLabel(grid, i);
		return typeof label === "string" ? label : `${at} ${spelled(label).slice(1, -1)}`;
	});
	const rows = grid.layers.map((layer, row) => [
		`L${layer}`,
		...grid.columns.map((_, column) => String(valueAt(scene, [row, column]))),
	]);
	return [["layer", ...names], ...rows].map((row) => row.join("\t")).join("\n");
}
