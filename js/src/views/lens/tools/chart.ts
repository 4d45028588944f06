import { word as act, h, memo, s, set } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import type { GridLayout } from "../../../shared/grid/layout";
import { tokenText } from "../../../shared/tokens";
import { type Scene, word } from "../scene";
import { pinnedCells, rowOf, shownPosition } from "../state";
import type { Core } from "../view";
import { type Point, placeNames, type Wanted } from "./places";
import { type Axis, axisOf, bandOf, layerName, type Series, seriesOf } from "./series";
import { TITLES } from "./words";

/** Below the grid: its height, room for the numbers at its left and for names at its right. */
const HEIGHT = 176;
const [LEFT, RIGHT, TOP] = [36, 84, 8];
const MOST_CHARS = 14;
const DASHES = ["", "6 3", "2 2.5", "8 2 2 2", "", ""];
const MARKERS = ["●", "■", "▲", "◆", "○", "□"];

/** Where things are: values one way, layers the other. */
interface Plane {
	beside: boolean;
	width: number;
	height: number;
	/** The area of the values. */
	area: { x: number; y: number; width: number; height: number };
	point(value: number, at: number): Point;
	axis: Axis;
}

/** How numbers change through the layers: along the grid's own rows where there is room. */
export function makeChart({ lines, life, ask, state }: Core) {
	const title = h("h4", { class: "iw-ln-what" });
	const svg = s("svg", { class: "iw-ln-svg", role: "img" });
	const foot = h("div", { class: "iw-ln-foot" });
	lines.append(title, svg, foot);
	const onDrawn = memo();
	life.on(foot, "click", ({ target }) => {
		if (!(target instanceof HTMLElement) || !target.closest("[data-control]")) return;
		const { payload } = state();
		const tokens = (svg.dataset.tokens ?? "").split(",").filter(Boolean).map(Number);
		if (payload)
			void ask("control", { run: payload.run, position: shownPosition(state()), tokens });
	});
	return (scene: Scene, layout: GridLayout): Series[] => {
		const series = seriesOf(scene);
		const { state: now, store } = scene;
		const width = lines.clientWidth;
		const place = [now.layer, now.tokens, now.pins, now.status.kind, now.offline];
		const cells = [scene.grid, layout, scene.theme, width, store.version];
		onDrawn([...place, ...cells], () => {
			const { beside } = scene;
			const band = bandOf(scene, series[0]);
			const plane = planeOf(scene, series, band, layout, beside, width);
			const what = `${TITLES[scene.measure]} at position ${shownPosition(now)}`;
			title.textContent = `${what[0]?.toUpperCase()}${what.slice(1)}`;
			title.hidden = beside;
			set(svg, { width: plane.width, height: plane.height, "aria-label": labelOf(scene, series) });
			const ofTokens = series.filter(
				({ id, position }) => id >= 0 && position === shownPosition(now),
			);
			svg.dataset.tokens = ofTokens.map(({ id }) => id).join(",");
			svg.replaceChildren(
				...bandNodes(plane, band),
				...axisNodes(scene, plane, beside ? what : ""),
				...markNodes(scene, plane),
				...series.flatMap((line, i) => lineNodes(scene, plane, line, i)),
				...nameNodes(scene, plane, series, band),
			);
			foot.replaceChildren(...control(scene, series, band));
		});
		return series;
	};
}

type Band = ReturnType<typeof bandOf>;

function planeOf(
	scene: Scene,
	series: readonly Series[],
	band: Band,
	layout: GridLayout,
	beside: boolean,
	width: number,
): Plane {
	const every = [...series.flatMap(({ values }) => values), ...(band?.high ?? [])];
	const most = every.reduce((a: number, b) => Math.max(a, b ?? 0), 0);
	const axis = axisOf(scene, most);
	const n = scene.payload.layers.length;
	if (beside) {
		const area = { x: 4, y: layout.top, width: width - 24, height: layout.height };
		const point = (value: number, at: number): Point => [
			area.x + axis.share(value) * area.width,
			area.y + (n - 1 - at + 0.5) * layout.cellHeight,
		];
		return { beside, width, height: area.y + area.height + 44, area, point, axis };
	}
	const area = { x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: HEIGHT };
	const point = (value: number, at: number): Point => [
		area.x + (n > 1 ? at / (n - 1) : 0.5) * area.width,
		area.y + (1 - axis.share(value)) * area.height,
	];
	return { beside, width, height: TOP + HEIGHT + 28, area, point, axis };
}

const line = (from: Point, to: Point, cls: string) =>
	s("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: cls });

const text = (content: string, at: Point, attrs: Record<string, string | number> = {}) =>
	s("text", { x: at[0], y: at[1], ...attrs }, content);

function tickText(scene: Scene, value: number): string {
	if (scene.measure === "rank") return value.toLocaleString("en");
	if (value === 0 || value >= 1000) return value.toLocaleString("en");
	const places = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(value) + 1e-9)));
	return value < 0.001 ? weight(value) : String(Number(value.toFixed(places)));
}

/** Numbers at the values, and where the layers have no names beside them these, too. */
function axisNodes(scene: Scene, { beside, area, point, axis }: Plane, what: string): SVGElement[] {
	const { x, y, width, height } = area;
	const nodes = axis.ticks.flatMap((value) => {
		const cls = value === axis.ticks[0] ? "iw-ln-axis" : "iw-ln-hair";
		const [at, across] = point(value, 0);
		const label = tickText(scene, value);
		if (beside)
			return [
				line([at, y], [at, y + height], cls),
				text(label, [at, y + height + 16], { "text-anchor": "middle" }),
			];
		return [
			line([x, across], [x + width, across], cls),
			text(label, [x - 8, across + 4], { "text-anchor": "end" }),
		];
	});
	if (beside) return [...nodes, text(what, [area.x, y + height + 37])];
	const { layers } = scene.payload;
	const step = Math.ceil((layers.length * 30) / Math.max(1, width));
	const chosen = layers.length - 1 - rowOf(scene.payload, scene.state.layer);
	const names = layers.flatMap((_, at) => {
		if (at % step && at !== chosen) return [];
		const cls = at === chosen ? "iw-ln-strong" : "";
		const place: Point = [point(0, at)[0], y + height + 18];
		return [text(layerName(scene, at), place, { "text-anchor": "middle", class: cls })];
	});
	return [...nodes, ...names];
}

/** The grey range of the control. */
function bandNodes({ point }: Plane, band: Band): SVGElement[] {
	if (!band) return [];
	const edge = (values: readonly (number | null)[]) =>
		values.flatMap((value, at) => (value === null ? [] : [point(value, at)]));
	const outline = [...edge(band.high), ...edge(band.low).reverse()];
	return [s("polygon", { points: outline.join(" "), class: "iw-ln-band" })];
}

/** Lines at the selected layer and at the pinned ones. */
function markNodes({ state, payload }: Scene, { beside, area, point }: Plane): SVGElement[] {
	const across = (row: number, cls: string) => {
		const [x, y] = point(0, payload.layers.length - 1 - row);
		if (beside) return line([area.x, y], [area.x + area.width, y], cls);
		return line([x, area.y], [x, area.y + area.height], cls);
	};
	const row = rowOf(payload, state.layer);
	const pins = pinnedCells(state);
	const discs = pins.flatMap(([at], i) => {
		const [x, y] = point(0, payload.layers.length - 1 - at);
		const place: Point = beside ? [area.x + area.width + 10, y] : [x, area.y - 1];
		return [
			s("circle", { cx: place[0], cy: place[1], r: 7, class: "iw-g-disc" }),
			text(String(i + 1), [place[0], place[1] + 3.5], { class: "iw-g-number" }),
		];
	});
	return [
		...pins.map(([at]) => across(at, "iw-ln-pinned")),
		...(row < 0 ? [] : [across(row, "iw-ln-chosen")]),
		...discs,
	];
}

/** The ends of the lines at marked layers, which names keep off. */
function acrossPoints({ state, payload }: Scene, { beside, area, point }: Plane): Point[][] {
	const rows = [rowOf(payload, state.layer), ...pinnedCells(state).map(([row]) => row)];
	return rows
		.filter((row) => row >= 0)
		.map((row) => {
			const [x, y] = point(0, payload.layers.length - 1 - row);
			return beside
				? [0, 1, 2, 3, 4].map((i): Point => [area.x + (i * area.width) / 4, y])
				: [0, 1, 2, 3, 4].map((i): Point => [x, area.y + (i * area.height) / 4]);
		});
}

/** Broken where the number is not known. */
function lineNodes(scene: Scene, plane: Plane, { values }: Series, i: number): SVGElement[] {
	let d = "";
	let pen = false;
	const colour = `stroke:var(--iw-s${i + 1})`;
	const marks: SVGElement[] = [];
	const chosen = scene.payload.layers.length - 1 - rowOf(scene.payload, scene.state.layer);
	const tight = plane.beside ? plane.area.height : plane.area.width;
	const every = tight / values.length >= 9;
	for (const [at, value] of values.entries()) {
		if (value === null) {
			pen = false;
			continue;
		}
		const [x, y] = plane.point(value, at);
		d += `${pen ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
		const alone = !pen && (values[at + 1] ?? null) === null;
		pen = true;
		if (i === 0 && at === chosen)
			marks.push(s("circle", { cx: x, cy: y, r: 4.5, class: "iw-ln-here" }));
		else if (alone || every) marks.push(marker([x, y], i));
	}
	const attrs = { d, class: i ? "iw-ln-line" : "iw-ln-line iw-ln-main", style: colour };
	return [s("path", { ...attrs, "stroke-dasharray": DASHES[i] || null }), ...marks];
}

function marker([x, y]: Point, i: number): SVGElement {
	const r = i === 0 ? 2.8 : 2.4;
	const hollow = i >= 4;
	const style = hollow
		? `stroke:var(--iw-s${i + 1});fill:var(--iw-paper)`
		: `fill:var(--iw-s${i + 1})`;
	const cls = "iw-ln-mark";
	const shape = MARKERS[i];
	if (shape === "■" || shape === "□")
		return s("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, style, class: cls });
	if (shape === "▲")
		return s("path", {
			d: `M${x},${y - r - 1}l${r + 1},${2 * r}h${-2 * r - 2}z`,
			style,
			class: cls,
		});
	if (shape === "◆")
		return s("path", {
			d: `M${x},${y - r - 1}l${r + 1},${r + 1}l${-r - 1},${r + 1}l${-r - 1},${-r - 1}z`,
			...{ style, class: cls },
		});
	return s("circle", { cx: x, cy: y, r, style, class: cls });
}

const nameOf = (scene: Scene, { id, text: of, position }: Series): string => {
	const name = tokenText(word(of), MOST_CHARS);
	if (id < 0) return `${name} ${position}`;
	return position === shownPosition(scene.state) ? name : `${name} at ${position}`;
};

/** Names at the lines, and at the band. */
function nameNodes(
	scene: Scene,
	plane: Plane,
	series: readonly Series[],
	band: Band,
): SVGElement[] {
	const lines = series.map(({ values }) => pointsOf(plane, values));
	const names = series.map((one) => nameOf(scene, one));
	const wanted: Wanted[] = names.map((name, i) => ({
		points: plane.beside ? byValue(lines[i] ?? []) : (lines[i] ?? []).toReversed(),
		width: name.length * 7.4,
	}));
	const title = band?.title ?? "";
	const edge = pointsOf(plane, band?.high ?? []);
	wanted.push({ points: edge.toReversed().slice(plane.beside ? 1 : 0), width: title.length * 6.2 });
	const { area, beside } = plane;
	const inside = beside
		? { ...area, width: area.width + 16 }
		: { ...area, width: area.width + RIGHT };
	const places = placeNames(wanted, [...lines, edge, ...acrossPoints(scene, plane)], inside);
	return places.flatMap((place, i) => {
		const own = names[i];
		const content = own ?? title;
		if (!place || !content) return [];
		const plain = own === undefined;
		const ink = plain || i === 2 || i >= 4 ? "" : `fill:var(--iw-s${i + 1})`;
		const cls = plain ? "iw-ln-name" : "iw-ln-name iw-ln-token";
		const [x, y] = place.at;
		const name = text(content, [x, y + 12], { class: cls, style: ink });
		const far = plain && x - place.of[0] > 2;
		return far ? [line(place.of, [x - 3, place.of[1]], "iw-ln-axis"), name] : [name];
	});
}

const pointsOf = ({ point }: Plane, values: readonly (number | null)[]): Point[] =>
	values.flatMap((value, at) => (value === null ? [] : [point(value, at)]));

/** Farthest out first: there a line is most alone. */
const byValue = (points: readonly Point[]): Point[] => points.toSorted((a, b) => b[0] - a[0]);

/** What the lines are held against: said, or offered. */
function control(scene: Scene, series: readonly Series[], band: Band): (Node | string)[] {
	const { measure, state } = scene;
	if (measure !== "probability" || band || !series.some(({ id }) => id >= 0)) return [];
	const run = act("run", { class: "iw-t iw-act", "data-control": true });
	const can = state.status.can_rerun && !state.offline;
	return ["no control yet", ...(can ? [" · ", run] : [])];
}

function labelOf(scene: Scene, series: readonly Series[]): string {
	const names = series.map((one) => nameOf(scene, one)).join(", ");
	return `${TITLES[scene.measure]} by layer at position ${shownPosition(scene.state)}: ${names}`;
}
