import { s } from "../dom";
import type { At } from "./drawing";

type Attrs = Record<string, string | number>;

/** Where one box is in the file, and what it draws there. */
interface Box {
	element: Element;
	style: CSSStyleDeclaration;
	x: number;
	y: number;
	width: number;
	height: number;
	draw(grow: number, attrs: Attrs): void;
	path(d: string, attrs: Attrs): void;
}

const CUT = 7; // the corner that style.css clips off what is beyond the scale
const MINUS = 1.5;

/** What an element has around and behind its text. */
export function drawBox(
	element: Element,
	style: CSSStyleDeclaration,
	out: SVGElement,
	[left, top]: At,
): void {
	const { left: x, top: y, width, height } = element.getBoundingClientRect();
	const at = { x: x - left, y: y - top, width, height };
	const path = (d: string, attrs: Attrs) => void out.append(s("path", { d, ...attrs }));
	const cut = style.clipPath.startsWith("polygon") ? CUT : 0;
	const rx = Number.parseFloat(style.borderRadius) || 0;
	const draw = (grow: number, attrs: Attrs) => {
		const [w, h] = [at.width + 2 * grow, at.height + 2 * grow];
		const [x0, y0] = [at.x - grow, at.y - grow];
		if (cut)
			path(`M${x0},${y0}h${w - cut}l${cut},${cut}v${h - cut}h${-w}z`, { fill: "none", ...attrs });
		else out.append(s("rect", { x: x0, y: y0, rx, width: w, height: h, fill: "none", ...attrs }));
	};
	const box: Box = { element, style, ...at, draw, path };
	drawFill(box);
	drawRings(box);
	drawMinus(box);
	drawBorder(box);
	drawOutline(box);
}

const isClear = (paint: string) => paint === "transparent" || /, 0\)$/.test(paint);

function drawFill({ element, style, draw }: Box): void {
	const pattern = element.matches(".iw-both") ? "both" : element.matches(".iw-ramp") ? "ramp" : "";
	if (pattern) draw(0, { fill: `url(#${pattern})` });
	else if (element.matches(".iw-hatch")) draw(0, { fill: "url(#hatch)" });
	else if (!isClear(style.backgroundColor)) draw(0, { fill: style.backgroundColor });
}

/** The sign, for who sees no colours. */
function drawMinus({ element, style, x, y, width, height, path }: Box): void {
	if (!element.matches(".iw-tx-minus")) return;
	const line = { stroke: style.color, "stroke-width": MINUS, "stroke-dasharray": "3 2" };
	path(`M${x},${y + height - MINUS / 2}h${width}`, line);
}

/** Shadows that are rings inside the box: the first is on top. */
function drawRings({ style, draw }: Box): void {
	for (const shadow of style.boxShadow.split(/,(?![^(]*\))/).reverse()) {
		const stroke = shadow.match(/rgba?\([^)]*\)|#\w+/)?.[0] ?? "";
		const [x, y, blur, wide = 0] = lengths(shadow.replace(stroke, ""));
		if (!shadow.includes("inset") || x || y || blur || !wide) continue;
		draw(-wide / 2, { fill: "none", stroke, "stroke-width": wide });
	}
}

const lengths = (text: string): number[] =>
	[...text.matchAll(/-?[\d.]+/g)].map(([length]) => Number(length));

function drawBorder({ style, x, y, width, height, draw, path }: Box): void {
	const border = Number.parseFloat(style.borderLeftWidth);
	const bottom = Number.parseFloat(style.borderBottomWidth);
	if (border && bottom) draw(-border / 2, { stroke: style.borderTopColor, "stroke-width": border });
	else if (bottom) {
		const line = { stroke: style.borderBottomColor, "stroke-width": bottom };
		path(`M${x},${y + height - bottom / 2}h${width}`, line);
	}
}

function drawOutline({ style, draw }: Box): void {
	const wide = Number.parseFloat(style.outlineWidth);
	if (style.outlineStyle === "none" || !wide) return;
	const dashes: Attrs = style.outlineStyle === "dashed" ? { "stroke-dasharray": "3 2" } : {};
	const grow = Number.parseFloat(style.outlineOffset) + wide / 2;
	draw(grow, { stroke: style.outlineColor, "stroke-width": wide, ...dashes });
}
