import { div, h, memo, set } from "../../shared/dom";
import type { Life } from "../../shared/life";
import { ink, onCanvas, paint, pixelRatio, pool } from "../../shared/pixels";
import type { Heads } from "./heads";
import { type ThumbLayout, thumbLayout } from "./layout";
import type { Acts, Scene } from "./scene";
import { type HeadId, sameHead } from "./state";

const HEADER = 18;

/** Thumbnails in an order of their own. */
export interface Sorted {
	layout: ThumbLayout;
	order: readonly HeadId[];
}

export interface Cell {
	id: HeadId;
	node: HTMLElement;
}

/** Every head as a thumbnail: one canvas, and over it one focusable cell per head. */
export function makeThumbs(life: Life, heads: Heads, acts: Acts) {
	const canvas = h("canvas", { "aria-hidden": "true" });
	const grid = h("div", { class: "iw-thumb-grid", role: "grid" });
	const above = div("above");
	const below = div("dots");
	const node = h("div", {}, above, div("thumbs", grid), below);
	const onShape = memo();
	const onPixels = memo();
	const onMarks = memo();
	let cells: Cell[][] = [];

	life.on(grid, "click", (event) => {
		const cell = cells.flat().find(({ node }) => node.contains(event.target as Node));
		if (cell) acts.head(cell.id, event);
	});

	return {
		node,
		grid,
		/** Places for the choice of a score, and for its values. */
		above,
		below,
		cells: () => cells,
		draw(scene: Scene, sorted?: Sorted | null) {
			const { payload, state, width } = scene;
			const { layers, heads: all } = payload;
			const layout = sorted?.layout ?? thumbLayout(width, layers.length, all.length);
			const order = sorted?.order;
			above.hidden = below.hidden = !payload.head_scores?.length;
			onShape([payload, String(Object.values(layout)), String(order)], () => {
				const ids = order ?? layers.flatMap((layer) => all.map((head): HeadId => [layer, head]));
				cells = build(grid, canvas, scene, layout, ids);
			});
			onPixels([cells, scene.ink.theme], () => drawPixels(canvas, scene, layout, heads, cells));
			onMarks([cells, state.heads, scene.head], () => mark(cells, scene));
		},
	};
}

function build(
	grid: HTMLElement,
	canvas: HTMLCanvasElement,
	{ payload }: Scene,
	{ columns, size, gap, down, gutter }: ThumbLayout,
	ids: readonly HeadId[],
): Cell[][] {
	const { layers, heads, layer_runs: runs, run } = payload;
	const header = Math.max(HEADER, down);
	const tracks = gutter ? `${gutter}px ` : "";
	grid.style.cssText = `grid-template-columns:${tracks}repeat(${columns},${size}px);grid-auto-rows:${size}px;grid-template-rows:${header - down}px;gap:${down}px ${gap}px`;
	canvas.style.cssText = `left:${gutter && gutter + gap}px;top:${header}px`;
	const label = (letter: string, role: string, number: number, i: number, least: number) =>
		h(
			"span",
			{ class: `iw-${letter}`, role, "data-name": letter + number },
			i % Math.ceil(least / (size + gap)) ? "" : letter + number,
		);
	const names = heads.map((head, i) => label("H", "columnheader", head, i, 26));
	const first = gutter ? [h("span"), ...names] : [h("span", { style: "grid-column:1/-1" })];
	grid.replaceChildren(canvas, h("div", { role: "row" }, ...first));
	return Array.from({ length: Math.ceil(ids.length / columns) }, (_, i) => {
		const line = ids.slice(i * columns, (i + 1) * columns).map((id) => {
			const from = runs[layers.indexOf(id[0])] ?? null;
			const node = h("span", { role: "gridcell", tabindex: -1, "data-cell": id.join(".") });
			if (from !== run) node.className = from === null ? "iw-hatch" : "iw-old";
			return { id, node };
		});
		const front = gutter ? [label("L", "rowheader", layers[i] ?? 0, i, 14)] : [];
		grid.append(h("div", { role: "row" }, ...front, ...line.map(({ node }) => node)));
		return line;
	});
}

function drawPixels(
	canvas: HTMLCanvasElement,
	{ payload, ink: { theme } }: Scene,
	layout: ThumbLayout,
	heads: Heads,
	cells: readonly Cell[][],
): void {
	const colours = ink(theme, payload.scale, payload.signed);
	const [across, down] = [layout.size + layout.gap, layout.size + layout.down];
	const ratio = pixelRatio();
	const size = Math.round(layout.size * ratio);
	const height = cells.length * down - layout.down;
	onCanvas(canvas, layout.columns * across - layout.gap, height, (pixels, stride) => {
		for (const [row, line] of cells.entries()) {
			for (const [column, { id }] of line.entries()) {
				const matrix = heads.thumb(id)?.matrix;
				if (!matrix || payload.layer_runs[payload.layers.indexOf(id[0])] == null) continue;
				const block = Math.ceil(matrix.size / size);
				const side = Math.ceil(matrix.size / block);
				const window = { query: 0, key: 0, count: matrix.size };
				const [x, y] = [Math.round(column * across * ratio), Math.round(row * down * ratio)];
				const target = { pixels, stride, x, y, size, gap: 0 };
				paint(target, pool(matrix, window, block, payload.causal), side, colours);
			}
		}
	});
}

function mark(cells: readonly Cell[][], { state, head }: Scene): void {
	for (const { id, node } of cells.flat()) {
		const large = head !== null && sameHead(id, head);
		const selected = large || state.heads.some((other) => sameHead(id, other));
		set(node, { "aria-selected": String(selected) });
		node.classList.toggle("iw-large", large);
	}
}
