import { s } from "../dom";
import type { At } from "./drawing";

const measure = document.createElement("canvas").getContext("2d");

/** Text as text, a line at a time, by generic names of fonts. */
export function drawText(
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
	const family = genericFont(style.fontFamily);
	const look = { "font-size": size, "font-weight": style.fontWeight, "font-family": family };
	const line = node.parentElement?.closest(".iw-gen") ? "underline" : null;
	const ink = {
		...{ fill: style.color, "fill-opacity": opacity, "text-decoration": line },
		"xml:space": "preserve",
	};
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
			out.append(s("text", { ...whole, ...look, ...ink }, plain(turned.textContent ?? "")));
			return;
		}
		const place = { x: left - x, y: top - y + ascent, textLength: Math.max(1, width) };
		out.append(
			s("text", { ...place, lengthAdjust: "spacingAndGlyphs", ...look, ...ink }, plain(text)),
		);
	}
}

/** A file names no font that another machine may not have. */
export const genericFont = (family: string): string =>
	/mono|code|courier|menlo|consolas/i.test(family) ? "monospace" : "sans-serif";

/** XML has no words for these, and a file with them does not open. */
const plain = (text: string): string =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	text.replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, "\ufffd");

interface Line {
	text: string;
	left: number;
	top: number;
	width: number;
}

function linesOf(node: Text): Line[] {
	const range = document.createRange();
	const lines: Line[] = [];
	const over = (from: number, to: number) => {
		range.setStart(node, from);
		range.setEnd(node, to);
		return range.getClientRects().length;
	};
	const add = (from: number, text: string) => {
		over(from, from + text.length);
		const { left, top, right, width } = range.getBoundingClientRect();
		if (width === 0) return;
		const last = lines.at(-1);
		if (last && Math.abs(last.top - top) < 2) {
			const start = Math.min(left, last.left); // words may run from right to left
			last.text += text;
			last.width = Math.max(right, last.left + last.width) - start;
			last.left = start;
		} else lines.push({ text, left, top, width });
	};
	if (over(0, node.length) < 2) add(0, node.data);
	else
		for (const { index, 0: word } of node.data.matchAll(/\S+\s*/g)) {
			// a long one is broken anywhere
			const parts = over(index, index + word.trimEnd().length) < 2 ? [word] : [...word];
			let at = index;
			for (const part of parts) {
				add(at, part);
				at += part.length;
			}
		}
	return lines;
}
