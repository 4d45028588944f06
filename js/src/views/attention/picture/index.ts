import { s } from "../../../shared/dom";
import { colour, css } from "../../../shared/ramp";
import { NO_HOVER } from "../state";
import type { Format } from "../tools/panel";
import type { Core } from "../view";

declare const __BUILD__: string;
export const build = __BUILD__;

/** Width of the file, and of the figure that is laid out for it, in pixels. */
const SIZES: Record<string, readonly [width: string, layout: number, scale: number]> = {
	"85 mm": ["85mm", 430, 3],
	"174 mm": ["174mm", 680, 3],
	"1600 px": ["1600px", 1067, 3],
};

const IMAGE_SCALE = 3;
/** Tools, hover and cursor do not go with a picture. */
const LEFT_OUT =
	".iw-tools,.iw-panel,.iw-pop,.iw-bar,.iw-act,.iw-tick-box,.iw-choice [aria-checked=false]";

/** The figure as it stands, in light, on white or on nothing, as wide as a column or a slide. */
export default async function picture(
	core: Core,
	format: Format,
	name: string,
	clear: boolean,
): Promise<Blob> {
	const [width, layout, scale] = SIZES[name] ?? (SIZES["174 mm"] as (typeof SIZES)[string]);
	const { root, acts, redraw } = core;
	const before = { style: root.style.cssText, theme: root.dataset.theme ?? "light" };
	acts.set({ hover: NO_HOVER });
	let svg: SVGSVGElement;
	try {
		root.dataset.theme = "light";
		root.classList.add("iw-picture");
		root.style.cssText = `width:${layout}px;max-width:none;--jp-layout-color0:#fff`;
		redraw();
		svg = drawing(root, width, layout, clear);
	} finally {
		root.classList.remove("iw-picture");
		root.style.cssText = before.style;
		root.dataset.theme = before.theme;
		redraw();
	}
	const text = new XMLSerializer().serializeToString(svg);
	const blob = new Blob([text], { type: "image/svg+xml" });
	return format === "svg" ? blob : raster(blob, layout * scale, svg);
}

async function raster(blob: Blob, width: number, svg: SVGSVGElement): Promise<Blob> {
	const image = new Image();
	const url = URL.createObjectURL(blob);
	try {
		image.src = url;
		await image.decode();
		const canvas = document.createElement("canvas");
		const { width: across, height: down } = svg.viewBox.baseVal;
		canvas.width = width;
		canvas.height = Math.round((width * down) / across);
		canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
		return await new Promise((resolve, reject) =>
			canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("no PNG"))), "image/png"),
		);
	} finally {
		URL.revokeObjectURL(url);
	}
}

function drawing(root: HTMLElement, width: string, layout: number, clear: boolean): SVGSVGElement {
	const { left, top, height } = root.getBoundingClientRect();
	const size = { viewBox: `0 0 ${layout} ${Math.ceil(height)}`, width };
	const svg = s("svg", { xmlns: "http://www.w3.org/2000/svg", ...size });
	if (!clear) svg.append(s("rect", { width: "100%", height: "100%", fill: "#fff" }));
	const hatch = s("pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse" });
	hatch.append(s("path", { d: "M-1,1l2,-2M0,4l4,-4M3,5l2,-2", stroke: "#b9b6af" }));
	const ramps = [false, true].map(rampOf);
	svg.append(s("defs", {}, hatch, ...ramps));
	walk(root, svg, [left, top], 1);
	return svg;
}

function rampOf(signed: boolean): SVGElement {
	const ramp = s("linearGradient", { id: signed ? "both" : "ramp" });
	for (let i = 0; i <= 12; i++) {
		const share = i / 12;
		const of = colour("light", signed ? 2 * share - 1 : share);
		ramp.append(s("stop", { offset: share, "stop-color": css(of) }));
	}
	return ramp;
}

type At = readonly [x: number, y: number];

function walk(element: Element, out: SVGElement, at: At, opacity: number): void {
	if (element.matches(LEFT_OUT)) return;
	const style = getComputedStyle(element);
	if (style.display === "none" || style.visibility === "hidden") return;
	const seen = opacity * Number(style.opacity);
	if (element instanceof HTMLCanvasElement) drawImage(element, out, at);
	else if (element instanceof SVGSVGElement) drawSvg(element, out, at);
	else if (style.display !== "contents") drawBox(element, style, out, at);
	if (element instanceof SVGSVGElement) return;
	for (const child of element.childNodes) {
		if (child instanceof Element) walk(child, out, at, seen);
		else if (child instanceof Text) drawText(child, style, out, at, seen);
	}
}

/** Cells are squares of one colour: enlarged without smoothing they stay sharp. */
function drawImage(canvas: HTMLCanvasElement, out: SVGElement, [x, y]: At): void {
	const { left, top, width, height } = canvas.getBoundingClientRect();
	const large = document.createElement("canvas");
	large.width = Math.round(width * IMAGE_SCALE);
	large.height = Math.round(height * IMAGE_SCALE);
	const context = large.getContext("2d");
	if (!context || width === 0) return;
	context.imageSmoothingEnabled = false;
	context.drawImage(canvas, 0, 0, large.width, large.height);
	const place = { x: left - x, y: top - y, width, height };
	out.append(s("image", { href: large.toDataURL("image/png"), ...place }));
}

const PAINT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "stroke-opacity"];
const WRITE = ["font-size", "font-weight", "text-anchor", "paint-order"];

function drawSvg(svg: SVGSVGElement, out: SVGElement, [x, y]: At): void {
	const { left, top } = svg.getBoundingClientRect();
	const group = s("g", { transform: `translate(${left - x},${top - y})` });
	const copy = svg.cloneNode(true) as SVGSVGElement;
	const [from, to] = [svg, copy].map((one) => [...one.querySelectorAll("*")]) as [
		Element[],
		Element[],
	];
	for (const [i, one] of from.entries()) {
		const style = getComputedStyle(one);
		const names = one.tagName === "text" ? [...PAINT, ...WRITE] : PAINT;
		for (const name of names) to[i]?.setAttribute(name, style.getPropertyValue(name));
		if (one.tagName === "text") to[i]?.setAttribute("font-family", "sans-serif");
		to[i]?.removeAttribute("class");
		to[i]?.removeAttribute("style");
	}
	group.append(...copy.childNodes);
	out.append(group);
}

const isClear = (paint: string) => paint === "transparent" || /, 0\)$/.test(paint);

function drawBox(element: Element, style: CSSStyleDeclaration, out: SVGElement, [x, y]: At): void {
	const { left, top, width, height } = element.getBoundingClientRect();
	const box = (grow: number, attrs: Record<string, string | number>) =>
		out.append(
			s("rect", {
				...{
					x: left - x - grow,
					y: top - y - grow,
					rx: Number.parseFloat(style.borderRadius) || 0,
				},
				...{ width: width + 2 * grow, height: height + 2 * grow, fill: "none", ...attrs },
			}),
		);
	const pattern = element.matches(".iw-both") ? "both" : element.matches(".iw-ramp") ? "ramp" : "";
	if (pattern) box(0, { fill: `url(#${pattern})` });
	else if (element.matches(".iw-hatch")) box(0, { fill: "url(#hatch)" });
	else if (!isClear(style.backgroundColor)) box(0, { fill: style.backgroundColor });
	const border = Number.parseFloat(style.borderLeftWidth);
	const bottom = Number.parseFloat(style.borderBottomWidth);
	if (border && bottom) box(-border / 2, { stroke: style.borderTopColor, "stroke-width": border });
	else if (bottom) {
		const d = `M${left - x},${top - y + height - bottom / 2}h${width}`;
		out.append(s("path", { d, stroke: style.borderBottomColor, "stroke-width": bottom }));
	}
	const wide = Number.parseFloat(style.outlineWidth);
	if (style.outlineStyle === "none" || !wide) return;
	const dashes: Record<string, string> =
		style.outlineStyle === "dashed" ? { "stroke-dasharray": "3 2" } : {};
	const grow = Number.parseFloat(style.outlineOffset) + wide / 2;
	box(grow, { stroke: style.outlineColor, "stroke-width": wide, ...dashes });
}

const measure = document.createElement("canvas").getContext("2d");

/** Text as text, a line at a time, by generic names of fonts. */
function drawText(
	node: Text,
	style: CSSStyleDeclaration,
	out: SVGElement,
	[x, y]: At,
	opacity: number,
) {
	if (!node.data.trim()) return;
	const size = Number.parseFloat(style.fontSize);
	if (measure) measure.font = `${style.fontWeight} ${size}px ${style.fontFamily}`;
	const ascent = measure?.measureText("x").fontBoundingBoxAscent ?? size * 0.93;
	const family = /mono|code|courier|menlo|consolas/i.test(style.fontFamily)
		? "monospace"
		: "sans-serif";
	const look = { "font-size": size, "font-weight": style.fontWeight, "font-family": family };
	const ink = { fill: style.color, "fill-opacity": opacity, "xml:space": "preserve" };
	for (const { text, left, top, width } of linesOf(node)) {
		const turned = node.parentElement?.closest<HTMLElement>(".iw-lab-key");
		const turn = turned && getComputedStyle(turned).rotate;
		if (turned && turn && turn !== "none") {
			const origin = turned.offsetParent?.getBoundingClientRect();
			const [px, py] = [
				(origin?.left ?? 0) + turned.offsetLeft - 4 - x,
				(origin?.top ?? 0) + turned.offsetTop + turned.offsetHeight + 2 - y,
			];
			const whole = {
				x: px,
				y: py - 4,
				transform: `rotate(${Number.parseFloat(turn)} ${px} ${py})`,
			};
			out.append(s("text", { ...whole, ...look, ...ink }, turned.textContent ?? ""));
			return;
		}
		const place = { x: left - x, y: top - y + ascent, textLength: Math.max(1, width) };
		out.append(s("text", { ...place, lengthAdjust: "spacingAndGlyphs", ...look, ...ink }, text));
	}
}

interface Line {
	text: string;
	left: number;
	top: number;
	width: number;
}

function linesOf(node: Text): Line[] {
	const range = document.createRange();
	const lines: Line[] = [];
	const add = (from: number, to: number) => {
		range.setStart(node, from);
		range.setEnd(node, to);
		const { left, top, right, width } = range.getBoundingClientRect();
		if (width === 0) return;
		const text = node.data.slice(from, to);
		const last = lines.at(-1);
		if (last && Math.abs(last.top - top) < 2) {
			last.text += text;
			last.width = right - last.left;
		} else lines.push({ text, left, top, width });
	};
	range.selectNodeContents(node);
	if (range.getClientRects().length < 2) add(0, node.length);
	else
		for (const { index, 0: word } of node.data.matchAll(/\S+\s*/g)) add(index, index + word.length);
	return lines;
}
