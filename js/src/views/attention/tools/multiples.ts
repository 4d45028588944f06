import { div, h, memo, s, set } from "../../../shared/dom";
import { onCanvas, paint, pixelRatio, pool } from "../../../shared/pixels";
import { rowOf } from "../../../shared/tensor";
import type { HeadView } from "../heads";
import { headName, type Scene } from "../scene";
import { type HeadId, NO_HOVER } from "../state";
import type { Core } from "../view";
import { multiplesLayout } from "./layout";
import { shown, sumOf } from "./words";

interface Multiple {
	node: HTMLElement;
	canvas: HTMLCanvasElement;
	value: HTMLElement;
	marks: SVGSVGElement;
}

/** The selected heads beside each other at one size and on one scale; hover reads all of them. */
export function makeMultiples({ multiples, life, acts, heads }: Core): (scene: Scene) => void {
	const onShape = memo();
	const onPixels = memo();
	let all: Multiple[] = [];
	let latest: Scene | null = null;
	const pairAt = (event: MouseEvent): [number, number] | null => {
		const hit = all.find(({ canvas }) => canvas === event.target);
		if (!hit || !latest) return null;
		const { left, top, width } = hit.canvas.getBoundingClientRect();
		const unit = width / latest.payload.tokens.length;
		const [query, key] = [event.clientY - top, event.clientX - left].map((at) =>
			Math.floor(at / unit),
		) as [number, number];
		return latest.causal && key > query ? null : [query, key];
	};
	life.on(multiples, "pointermove", (event) => acts.set({ hover: pairAt(event) ?? NO_HOVER }));
	life.on(multiples, "pointerleave", () => acts.set({ hover: NO_HOVER }));
	life.on(multiples, "click", (event) => {
		const pair = pairAt(event);
		if (pair) acts.token(pair[0], event);
	});
	return (scene) => {
		latest = scene;
		multiples.hidden = scene.heads.length < 2;
		if (multiples.hidden) return;
		const { side, gap, height } = multiplesLayout(scene.width - 8, scene.heads.length);
		onShape([String(scene.heads), side], () => {
			all = scene.heads.map((head) => makeOne(head, side));
			multiples.style.cssText = `gap:16px ${gap}px;min-height:${height}px`;
			multiples.replaceChildren(...all.map(({ node }) => node));
		});
		const views = scene.heads.map((head) => heads.full(head) ?? heads.thumb(head));
		onPixels([all, scene.ink, scene.causal, ...views], () => {
			for (const [i, view] of views.entries()) {
				const one = all[i];
				if (!one || !view) continue;
				const { matrix } = view;
				set(one.canvas, { "data-sum": view.pooled > 1 ? null : sumOf(matrix).toFixed(3) });
				onCanvas(one.canvas, side, side, (pixels, stride) => {
					const step = Math.max(1, Math.ceil(matrix.size / (side / 2)));
					const window = { query: 0, key: 0, count: matrix.size };
					const cells = pool(matrix, window, step, scene.causal);
					const size = Math.round(side * pixelRatio());
					const gapOf = (side / matrix.size) * step >= 8 ? Math.round(pixelRatio()) : 0;
					const target = { pixels, stride, x: 0, y: 0, size, gap: gapOf };
					paint(target, cells, Math.ceil(matrix.size / step), scene.ink);
				});
			}
		});
		for (const [i, one] of all.entries()) readOut(one, scene, side, views[i] ?? null);
	};
}

function makeOne(head: HeadId, side: number): Multiple {
	const canvas = h("canvas", { role: "img", "aria-label": `attention of ${headName(head)}` });
	const value = h("span");
	const marks = s("svg", { class: "iw-svg", "aria-hidden": "true", width: side, height: side });
	const line = div("h", h("b", {}, headName(head)), value);
	return { node: div("one", line, div("mini", canvas, marks)), canvas, value, marks };
}

/** The same pair in every map: the one under the pointer, else the query's row. */
function readOut(
	{ value, marks }: Multiple,
	scene: Scene,
	side: number,
	view: HeadView | null,
): void {
	const [query, key] = scene.state.hover;
	const unit = side / scene.payload.tokens.length;
	const row = query ?? scene.query;
	const across = scene.causal ? (row + 1) * unit : side;
	const frame = (cls: string, x: number, y: number, width: number) =>
		s("rect", { class: cls, x: x - 1, y: y - 1, width: width + 1, height: Math.max(3, unit) + 1 });
	const frames = [
		frame("iw-sel", 0, scene.query * unit, scene.causal ? (scene.query + 1) * unit : side),
	];
	if (query !== null && query !== scene.query) frames.push(frame("iw-hov", 0, row * unit, across));
	if (query !== null && key !== null)
		frames.push(frame("iw-hov", key * unit, row * unit, Math.max(3, unit)));
	marks.replaceChildren(...frames);
	const number = view?.pooled === 1 && key !== null ? rowOf(view.matrix, row)[key] : undefined;
	value.textContent =
		number === undefined ? "" : shown(scene, number, view?.precision === "float16" ? 3 : 2);
}
