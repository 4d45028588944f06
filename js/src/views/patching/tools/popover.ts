import { div, h, memo } from "../../../shared/dom";
import type { At } from "../../../shared/grid/types";
import { tokenNode } from "../../../shared/tokens";
import { columnLabel, flipped, partners, type Scene } from "../scene";
import { same } from "../state";
import type { Core } from "../view";
import { cellAt, detailsOf, outputAt, valueAt } from "./cells";
import { action, line, metricName, quantity, range, share, topNodes } from "./words";

const WIDTH = 232;
const APART = 8;
const FEW_ROWS = 6;

/** What is known of one cell: at the pointer, or of the one that was clicked. */
export function makePopover(core: Core): (scene: Scene) => void {
	const { box, grid, life, root } = core;
	const pop = div("pt-pop");
	pop.hidden = true;
	box.append(pop);
	const onCell = memo();
	life.on(pop, "pointerdown", (event) => event.stopPropagation());
	return (scene) => {
		const { state } = scene;
		const at = state.hover ?? state.open;
		const pinned = at !== null && same(at, state.open);
		const alone = at !== null && scene.grid.alone.includes(at[1]);
		pop.hidden = at === null || alone || box.classList.contains("iw-pt-dragging");
		if (!at || pop.hidden) return;
		pop.classList.toggle("iw-pt-pinned", pinned);
		const key = [scene.grid, state.patches, state.status.kind, ...at, pinned];
		onCell(key, () => pop.replaceChildren(...describe(scene, at, pinned)));
		place(pop, core, scene, at);
	};

	function place(node: HTMLElement, { box: around }: Core, scene: Scene, at: At): void {
		const cell = grid.boxOf(flipped(scene.grid, at));
		if (!cell) return;
		const room = around.clientWidth;
		const right = room - cell.x - cell.width;
		const x =
			right >= WIDTH + APART || right > cell.x
				? cell.x + cell.width + APART
				: cell.x - WIDTH - APART;
		const left = Math.max(0, Math.min(room - WIDTH, x));
		const under = scene.grid.layers.length - 1 - flipped(scene.grid, at)[0];
		const low = under <= FEW_ROWS ? under * cell.height : 0; // then it hides no cell at all
		const top = cell.y + cell.height + low + APART;
		node.style.cssText = `left:${left}px;top:${top}px;width:${WIDTH}px`;
		// an output as high as its content would cut it off
		const end = around.offsetTop + top + node.offsetHeight + APART;
		if (end > root.offsetHeight) root.style.minHeight = `${end}px`;
	}
}

function describe(scene: Scene, at: At, pinned: boolean): Node[] {
	const value = valueAt(scene, at);
	const head = title(scene, at);
	if (Number.isNaN(value)) return [head, div("leg-what", "not run"), ...next(scene, at, pinned)];
	return [head, ...facts(scene, at, value), ...next(scene, at, pinned)];
}

function title({ grid }: Scene, [row, column]: At): HTMLElement {
	const [layer, at] = [grid.layers[row], grid.columns[column] ?? 0];
	if (grid.by !== "position")
		return h("div", { class: "iw-b" }, `L${layer} ${String(columnLabel(grid, column))}`);
	const [own, there] = [grid.target[at], partners(grid).get(at)];
	const other = grid.source[there ?? -1];
	const varies = grid.varying.includes(at);
	const from =
		other && own && other.text !== own.text && !varies ? [tokenNode(other, 12), " → "] : [];
	const words = own && !varies ? [" ", ...from, tokenNode(own, 12)] : [];
	return h("div", { class: "iw-b" }, `L${layer}, position ${at}`, ...words);
}

function facts(scene: Scene, at: At, value: number): Node[] {
	const { grid, values, state, index } = scene;
	const details = detailsOf(grid);
	const i = cellAt(grid, at);
	const run = outputAt(state, index, at);
	const nodes: Node[] = [];
	if (grid.exact) nodes.push(line("share restored", h("b", {}, share(value))));
	else {
		const estimate = values[i] ?? Number.NaN;
		nodes.push(line("estimated share", run ? share(estimate) : h("b", {}, share(estimate))));
		if (run) nodes.push(line("exact share", h("b", {}, share(run.share))));
	}
	const raw = run && !grid.exact ? run.raw : details.raw?.[i];
	if (raw !== undefined) nodes.push(line(metricName(grid), quantity(raw, grid.unit)));
	const { low, high, control } = details;
	if (low && high) nodes.push(line(`95 % over ${grid.n} pairs`, range(low[i] ?? 0, high[i] ?? 0)));
	if (!control || !grid.control) nodes.push(noControl(scene));
	else {
		const ends = range(control.low[i] ?? 0, control.high[i] ?? 0);
		nodes.push(line(`control, 95 % of ${grid.control.n}`, ends));
	}
	return nodes;
}

const noControl = ({ state, index }: Scene): Node =>
	line(
		"no control yet",
		state.patches.can_run ? action("run", "control", { grid: index, number: null }) : "",
	);

/** What the patched run says next, where it was looked at. */
function next({ state, index, grid }: Scene, at: At, pinned: boolean): Node[] {
	const run = outputAt(state, index, at);
	const which = grid.n > 1 ? "next token, first pair" : "next token, patched";
	if (run) {
		const more = pinned && state.patches.can_run ? [action("add to history", "add")] : [];
		return [div("pt-what", which), ...topNodes(run.top), ...more];
	}
	if (!state.patches.can_run || grid.by === "neuron") return [];
	const coming = pinned && state.status.kind === "running";
	return [div("leg-what", coming ? "running" : pinned ? "" : "click: what it says next")];
}
