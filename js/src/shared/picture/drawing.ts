import { s } from "../dom";
import { colour, css } from "../ramp";
import { drawBox } from "./box";
import { drawText, genericFont } from "./text";

const IMAGE_SCALE = 3;
/** Tools, hover and cursor do not go with a picture. */
const LEFT_OUT =
	".iw-tools,.iw-panel,.iw-pop,.iw-bar,.iw-act,.iw-tick-box,.iw-choice [aria-checked=false]";

/** What is on screen, as SVG: text as text, grids as images. */
export function drawing(
	root: HTMLElement,
	width: string,
	layout: number,
	clear: boolean,
): SVGSVGElement {
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

export type At = readonly [x: number, y: number];

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
		if (one.tagName === "text") to[i]?.setAttribute("font-family", genericFont(style.fontFamily));
		to[i]?.removeAttribute("class");
		to[i]?.removeAttribute("style");
	}
	group.append(...copy.childNodes);
	out.append(group);
}
