import { h, memo, set, word } from "../../shared/dom";
import { plural } from "../../shared/format";
import { arrow, clamp, taken } from "../../shared/keys";
import type { Life } from "../../shared/life";
import { onCanvas, paint, pixelRatio, pool } from "../../shared/pixels";
import { tokenText } from "../../shared/tokens";
import { makeLabels } from "./labels";
import { type MapLayout, mapLayout } from "./layout";
import { makeMarks } from "./marks";
import { type Drawn, listenPointer } from "./pointer";
import { makeReadout } from "./readout";
import { type Dispatch, headName, type Scene } from "./scene";
import { type Zoom, zoomAt } from "./zoom";

/** One head, queries down and keys across. */
export function makeMap(life: Life, dispatch: Dispatch) {
	const canvas = h("canvas", { "data-map": true });
	const labels = makeLabels();
	const marks = makeMarks();
	const readout = makeReadout();
	const box = h("div", { class: "iw-map", tabindex: 0, role: "application" });
	box.append(
		canvas,
		marks.node,
		labels.node,
		readout.corner,
		readout.pop,
		h("div", { class: "iw-bar" }, h("i")),
	);
	const name = h("b");
	const what = h("span");
	const whole = word("whole", { class: "iw-t iw-act" });
	const node = h("div", { class: "iw-right" }, h("div", { class: "iw-h" }, name, what, whole), box);
	const onLayout = memo();
	const onPixels = memo();
	const onMarks = memo();
	let drawn: Drawn | null = null;

	life.on(whole, "click", () => dispatch({ type: "zoom", zoom: null }));
	listenPointer(life, box, canvas, dispatch, () => drawn);
	life.on(box, "keydown", (event) => {
		if (drawn && onKey(event, drawn, dispatch)) taken(event);
	});

	return {
		node,
		/** How many tokens one drawn cell stands for. */
		block: () => drawn?.layout.block ?? 1,
		draw(scene: Scene, width: number) {
			const { payload, state } = scene;
			const count = payload.tokens.length;
			const window = state.zoom ?? [0, count, 0, count];
			onLayout([payload, state.zoom, width], () => {
				const layout = mapLayout(payload.tokens, state.zoom, payload.causal, width);
				drawn = { scene, layout, window };
				box.style.width = `${Math.min(width, Math.max(layout.gutter + layout.side, layout.corner ?? 0))}px`;
				set(canvas, { style: `left:${layout.gutter}px;top:${layout.top}px` });
				box.style.paddingTop = `${layout.top + layout.side + 6}px`;
				labels.all(scene, layout, window);
			});
			if (!drawn) return;
			drawn = { ...drawn, scene };
			const { layout } = drawn;
			onPixels([layout, scene.view, scene.theme, scene.coming], () =>
				drawPixels(canvas, scene, layout, window),
			);
			onMarks([layout, scene.view, scene.theme, scene.query, state.hover], () => {
				labels.mark(scene, layout, window);
				marks.draw(scene, layout, window);
				readout.draw(scene, layout, window);
			});
			name.textContent = scene.head ? headName(scene.head) : "";
			what.textContent = subtitle(scene);
			whole.hidden = state.zoom === null;
			const busy = (scene.view?.pooled ?? 2) > 1 || state.fetch?.phase === "waiting";
			box.classList.toggle("iw-busy", busy && scene.coming);
			set(box, { "aria-label": mapLabel(scene) });
		},
	};
}

function subtitle({ state, payload, view }: Scene): string {
	const parts: string[] = [];
	const { fetch, zoom, heads } = state;
	if (heads.length > 1) parts.push(`last of ${heads.length} selected`);
	if (fetch?.message) parts.push(fetch.message);
	if (view && view.pooled > 1 && fetch?.phase === "absent") parts.push("from its thumbnail");
	if (zoom) parts.push(`queries ${zoom[0]}–${zoom[1] - 1}, keys ${zoom[2]}–${zoom[3] - 1}`);
	if (!payload.causal) parts.push("not causal");
	return parts.join(" · ");
}

function mapLabel({ head, payload, query, state }: Scene): string {
	const token = payload.tokens[query];
	const key = state.hover.key === null ? "" : `, key ${state.hover.key}`;
	const size = `${plural(payload.tokens.length, "token")} square`;
	return `attention of ${head ? headName(head) : "no head"}, ${size}; query ${query} ${token ? tokenText(token) : ""}${key}`;
}

function drawPixels(
	canvas: HTMLCanvasElement,
	scene: Scene,
	layout: MapLayout,
	window: Zoom,
): void {
	const { view, ink, payload, head } = scene;
	const exact = view?.pooled === 1 && !scene.coming;
	set(canvas, {
		"data-head": head?.join(".") ?? null,
		"data-sum": exact ? view.sum.toFixed(3) : null,
	});
	const { side, unit, block } = layout;
	onCanvas(canvas, side, side, (pixels, stride) => {
		if (!view) return;
		const { matrix, pooled } = view;
		const first = (token: number) => Math.floor(token / pooled);
		const count = Math.min(Math.ceil((window[1] - window[0]) / pooled), matrix.size);
		const from = { query: first(window[0]), key: first(window[2]), count };
		const step = Math.max(1, Math.ceil(block / pooled));
		const cells = pool(matrix, from, step, payload.causal);
		const cell = unit * step * pooled;
		const size = Math.round(Math.ceil(count / step) * cell * pixelRatio());
		const gap = cell >= 6 ? Math.round(pixelRatio()) : 0;
		paint({ pixels, stride, x: 0, y: 0, size, gap }, cells, Math.ceil(count / step), ink);
	});
}

/** Up and down: the query. Left and right: the key that is read. + − 0: zoom. */
function onKey(event: KeyboardEvent, { scene, window }: Drawn, dispatch: Dispatch): boolean {
	const count = scene.payload.tokens.length;
	const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
	const step = arrow(event);
	const key = scene.state.hover.key ?? scene.query;
	if (step?.[0]) dispatch({ type: "move", by: step[0] });
	else if (step) {
		const most = scene.payload.causal ? scene.query : count - 1;
		dispatch({ type: "hover", query: scene.query, key: clamp(key + step[1], 0, most) });
	} else if (event.ctrlKey || event.metaKey) return false;
	else if (factor) {
		dispatch({ type: "zoom", zoom: zoomAt(window, factor, scene.query, key, count) });
	} else if (event.key === "0") dispatch({ type: "zoom", zoom: null });
	else return false;
	return true;
}
