import { h, memo, set } from "../../shared/dom";
import { arrow, clamp, taken } from "../../shared/keys";
import type { Life } from "../../shared/life";
import { onCanvas, paint, pixelRatio, pool } from "../../shared/pixels";
import type { Heads } from "./heads";
import { type ThumbLayout, thumbLayout } from "./layout";
import { type Dispatch, headName, type Scene } from "./scene";
import { type HeadId, sameHead } from "./state";

const HEADER = 18;

interface Cell {
	id: HeadId;
	node: HTMLElement;
}

/** Layers × heads thumbnails: one canvas, and over it one focusable cell per head. */
export function makeThumbs(life: Life, heads: Heads, dispatch: Dispatch) {
	const canvas = h("canvas", { "aria-hidden": "true" });
	const grid = h("div", { class: "iw-thumb-grid", role: "grid" });
	const node = h("div", { class: "iw-thumbs" }, grid);
	const onShape = memo();
	const onPixels = memo();
	const onMarks = memo();
	let cells: Cell[][] = [];

	const find = (target: EventTarget | null): readonly [row: number, column: number] | null => {
		const hit = target instanceof Element ? target.closest("[data-cell]") : null;
		const row = cells.findIndex((line) => line.some((cell) => cell.node === hit));
		return row < 0 ? null : [row, cells[row]?.findIndex((cell) => cell.node === hit) ?? -1];
	};
	const pick = (event: MouseEvent | KeyboardEvent) => {
		const at = find(event.target);
		const cell = at && cells[at[0]]?.[at[1]];
		const add = event.shiftKey || event.ctrlKey || event.metaKey;
		if (cell) dispatch({ type: "head", head: cell.id, add });
	};
	life.on(grid, "click", pick);
	life.on(grid, "keydown", (event) => {
		const step = arrow(event);
		const at = find(event.target);
		if (event.key === "Enter" || event.key === " ") {
			taken(event);
			pick(event);
		} else if (step && at) {
			taken(event);
			const row = clamp(at[0] + step[0], 0, cells.length - 1);
			const line = cells[row] ?? [];
			moveCursor(cells, line[clamp(at[1] + step[1], 0, line.length - 1)] ?? null);
		}
	});

	return {
		node,
		draw(scene: Scene) {
			const { payload, state, width } = scene;
			const layout = thumbLayout(width, payload.layers.length, payload.heads.length);
			onShape([payload, layout.size, layout.gap], () => {
				cells = build(grid, canvas, scene, layout);
			});
			onPixels([payload, layout.size, layout.gap, scene.theme], () =>
				drawPixels(canvas, scene, layout, heads),
			);
			onMarks([payload, layout.size, state.heads, scene.head], () => mark(cells, scene));
			set(grid, { "aria-label": gridLabel(scene) });
		},
	};
}

function gridLabel({ payload, head }: Scene): string {
	const size = `${payload.layers.length} layers × ${payload.heads.length} heads`;
	return `attention heads, ${size}${head ? `; ${headName(head)} is drawn large` : ""}`;
}

function moveCursor(cells: readonly Cell[][], to: Cell | null): void {
	if (!to) return;
	for (const { node } of cells.flat()) node.tabIndex = node === to.node ? 0 : -1;
	to.node.focus();
}

function build(
	grid: HTMLElement,
	canvas: HTMLCanvasElement,
	{ payload }: Scene,
	{ size, gap, gutter }: ThumbLayout,
): Cell[][] {
	const columns = `${gutter}px repeat(${payload.heads.length},${size}px)`;
	grid.style.cssText = `grid-template-columns:${columns};grid-auto-rows:${size}px;gap:${gap}px`;
	grid.style.gridTemplateRows = `${HEADER - gap}px`;
	grid.style.columnGap = `${gap}px`;
	canvas.style.left = `${gutter + gap}px`;
	canvas.style.top = `${HEADER}px`;
	const every = (pitch: number, least: number) => Math.ceil(least / pitch);
	const headStep = every(size + gap, 26);
	const layerStep = every(size + gap, 14);
	const names = payload.heads.map((head, i) =>
		h("span", { class: "iw-col", role: "columnheader" }, i % headStep ? "" : `H${head}`),
	);
	const rows: Node[] = [h("div", { role: "row" }, h("span"), ...names)];
	const cells = payload.layers.map((layer, i) => {
		const label = h(
			"span",
			{ class: "iw-row", role: "rowheader" },
			i % layerStep ? "" : `L${layer}`,
		);
		const line = payload.heads.map((head) => ({
			id: [layer, head] as const,
			node: cellNode(layer, head),
		}));
		markLayer(label, line, payload.layer_runs[i] ?? null, payload.run);
		rows.push(h("div", { role: "row" }, label, ...line.map((cell) => cell.node)));
		return line;
	});
	grid.replaceChildren(canvas, ...rows);
	return cells;
}

function cellNode(layer: number, head: number): HTMLElement {
	const name = headName([layer, head]);
	const data = { "data-cell": `${layer}.${head}`, title: name, "aria-label": name };
	return h("span", { role: "gridcell", tabindex: -1, ...data });
}

function markLayer(
	label: HTMLElement,
	line: readonly Cell[],
	from: number | null,
	run: number,
): void {
	if (from === run) return;
	const why = from === null ? "not run" : `stale, from run ${from}`;
	const mark = from === null ? "iw-hatch" : "iw-old";
	set(label, { title: why });
	label.classList.toggle("iw-old", from !== null);
	for (const { node } of line) {
		node.classList.add(mark);
		set(node, { title: `${node.title}, ${why}`, "aria-label": `${node.title}, ${why}` });
	}
}

function drawPixels(
	canvas: HTMLCanvasElement,
	scene: Scene,
	layout: ThumbLayout,
	heads: Heads,
): void {
	const { payload, ink } = scene;
	const pitch = layout.size + layout.gap;
	const ratio = pixelRatio();
	const size = Math.round(layout.size * ratio);
	const across = payload.heads.length * pitch - layout.gap;
	onCanvas(canvas, across, payload.layers.length * pitch - layout.gap, (pixels, stride) => {
		for (const [row, layer] of payload.layers.entries()) {
			if (payload.layer_runs[row] == null) continue;
			for (const [column, head] of payload.heads.entries()) {
				const matrix = heads.thumb([layer, head])?.matrix;
				if (!matrix) continue;
				const block = Math.ceil(matrix.size / size);
				const side = Math.ceil(matrix.size / block);
				const cells = pool(matrix, { query: 0, key: 0, count: matrix.size }, block, payload.causal);
				const [x, y] = [Math.round(column * pitch * ratio), Math.round(row * pitch * ratio)];
				paint({ pixels, stride, x, y, size, gap: 0 }, cells, side, ink);
			}
		}
	});
}

function mark(cells: readonly Cell[][], { state, head }: Scene): void {
	const focused = cells.flat().some(({ node }) => node === document.activeElement);
	for (const { id, node } of cells.flat()) {
		const large = head !== null && sameHead(id, head);
		const selected = large || state.heads.some((other) => sameHead(id, other));
		set(node, { "aria-selected": String(selected) });
		node.classList.toggle("iw-large", large);
		if (!focused) node.tabIndex = large ? 0 : -1;
	}
	for (const line of cells) {
		const row = line[0]?.node.parentElement?.firstElementChild;
		row?.classList.toggle("iw-b", head !== null && line[0]?.id[0] === head[0]);
	}
	const columns = cells[0]?.[0]?.node.parentElement?.previousElementSibling?.children ?? [];
	for (const [i, column] of [...columns].entries()) {
		column.classList.toggle("iw-b", head !== null && cells[0]?.[i - 1]?.id[1] === head[1]);
	}
}
