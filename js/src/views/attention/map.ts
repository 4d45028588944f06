import { legend } from "../../shared/chrome";
import { div, h, memo, s, set } from "../../shared/dom";
import type { Life } from "../../shared/life";
import { onCanvas, paint, pixelRatio, pool } from "../../shared/pixels";
import { drawLabels } from "./labels";
import { type MapLayout, mapLayout } from "./layout";
import { drawMarks } from "./marks";
import { type Acts, headName, type Scene } from "./scene";
import { NO_HOVER, type Zoom } from "./state";

/** What the map shows at the moment. */
export interface Drawn {
	scene: Scene;
	layout: MapLayout;
	window: Zoom;
}

interface Spot {
	query: number;
	key: number;
	/** On a cell that has a number; on the names left of a row. */
	onPair: boolean;
	onRow: boolean;
}

/** The pair under the pointer. */
export function spotAt(
	{ layout, window, scene }: Drawn,
	canvas: HTMLCanvasElement,
	event: MouseEvent,
): Spot {
	const { left, top } = canvas.getBoundingClientRect();
	const query = window[0] + Math.floor((event.clientY - top) / layout.unit);
	const key = window[2] + Math.floor((event.clientX - left) / layout.unit);
	const inRows = query >= window[0] && query < window[1];
	const inKeys = key >= window[2] && key < window[3];
	const masked = scene.causal && key > query;
	return { query, key, onPair: inRows && inKeys && !masked, onRow: inRows && key < window[2] };
}

/** One head, queries down and keys across. */
export function makeMap(life: Life, acts: Acts) {
	const canvas = h("canvas", { "data-map": true });
	const labels = div("labels");
	const marks = s("svg", { class: "iw-svg", "aria-hidden": "true" });
	const corner = div("corner");
	const box = h("div", { class: "iw-map", tabindex: 0, role: "application" });
	box.append(canvas, marks, labels, corner, div("bar", h("i")));
	const name = h("b");
	const what = h("span");
	const line = div("h", name, what);
	const node = div("right", line, box);
	const onLayout = memo();
	const onPixels = memo();
	const onMarks = memo();
	const onLegend = memo();
	let drawn: Drawn | null = null;

	life.on(box, "pointermove", (event) => {
		const at = event.buttons || !drawn ? null : spotAt(drawn, canvas, event);
		acts.set({ hover: at?.onPair ? [at.query, at.key] : NO_HOVER });
	});
	life.on(box, "pointerleave", () => acts.set({ hover: NO_HOVER }));
	life.on(box, "click", (event) => {
		const at = drawn && spotAt(drawn, canvas, event);
		if (at && (at.onPair || at.onRow)) acts.token(at.query, event);
	});

	return {
		node,
		box,
		canvas,
		corner,
		/** The line over the map, and the words after the head's name. */
		line,
		what,
		drawn: () => drawn,
		draw(scene: Scene, width: number) {
			const { payload, state, causal, ink } = scene;
			const count = payload.tokens.length;
			const window = state.zoom ?? [0, count, 0, count];
			onLayout([payload, state.zoom, width, causal], () => {
				const layout = mapLayout(payload.tokens, state.zoom, causal, width);
				drawn = { scene, layout, window };
				box.style.width = `${Math.min(width, Math.max(layout.gutter + layout.side, layout.corner ?? 0))}px`;
				set(canvas, { style: `left:${layout.gutter}px;top:${layout.top}px` });
				box.style.paddingTop = `${layout.top + layout.side + 6}px`;
				const place = `right:calc(100% - ${layout.corner}px);top:${layout.top - 2}px`;
				corner.style.cssText = layout.corner === null ? "" : place;
				corner.className = layout.corner === null ? "iw-below" : "iw-corner";
			});
			if (!drawn) return;
			drawn = { ...drawn, scene };
			const { layout } = drawn;
			onPixels([layout, scene.view, ink], () => drawPixels(canvas, scene, layout, window));
			onMarks([layout, scene.query, state.tokens, String(state.hover)], () => {
				drawLabels(labels, scene, layout, window);
				drawMarks(marks, scene, layout, window);
			});
			onLegend([ink], () => {
				const end = String(Number(ink.top.toPrecision(2)));
				corner.replaceChildren(legend(ink.signed ? `−${end}` : "0", end, "attention", ink.signed));
			});
			name.textContent = scene.head ? headName(scene.head) : "";
			box.classList.toggle("iw-busy", scene.coming && scene.view?.pooled !== 1);
		},
	};
}

function drawPixels(
	canvas: HTMLCanvasElement,
	{ view, ink, causal }: Scene,
	{ side, unit, block }: MapLayout,
	window: Zoom,
): void {
	onCanvas(canvas, side, side, (pixels, stride) => {
		if (!view) return;
		const { matrix, pooled } = view;
		const first = (token: number) => Math.floor(token / pooled);
		const count = Math.min(Math.ceil((window[1] - window[0]) / pooled), matrix.size);
		const from = { query: first(window[0]), key: first(window[2]), count };
		const step = Math.max(1, Math.ceil(block / pooled));
		const cells = pool(matrix, from, step, causal);
		const cell = unit * step * pooled;
		const size = Math.round(Math.ceil(count / step) * cell * pixelRatio());
		const gap = cell >= 6 ? Math.round(pixelRatio()) : 0;
		paint({ pixels, stride, x: 0, y: 0, size, gap }, cells, Math.ceil(count / step), ink);
	});
}
