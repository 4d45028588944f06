import type { TokenInfo } from "../contract.gen";
import { h } from "./dom";

interface Shown {
	/** A name of ours for a token that has no text of its own. */
	pill: boolean;
	lead: number;
	text: string;
}

const BYTES = /^(?:<0x[0-9a-f]{2}>)+$/i;
const INVISIBLE = /^[\p{C}\p{M}\u115f\u1160\u3164]*$/u;
const HIDDEN =
	/[\u061c\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|(?![\t\n\r])\p{Cc}/gu;
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

const codePoint = (char: string): string =>
	`U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

const visible = (text: string): string =>
	text
		.replace(/\r?\n/g, "↵")
		.replace(/\t/g, "⇥")
		.replace(/\r/g, "␍")
		.replace(HIDDEN, (char) => `‹${codePoint(char)}›`);

const pill = (text: string): Shown => ({ pill: true, lead: 0, text });

function shown({ text, special }: TokenInfo): Shown {
	if (special) {
		const name = text.replace(/^[<[]?\|?/, "").replace(/\|?[>\]]?$/, "");
		return pill(name === "endoftext" ? "eot" : visible(name) || "empty");
	}
	if (text === "") return pill("empty");
	if (BYTES.test(text)) return pill(text.slice(2, -1).split("><0").join(" "));
	if (/^ +$/.test(text)) return { pill: false, lead: 3, text: "" };
	if (/^\s+$/.test(text)) return { pill: false, lead: 0, text: visible(text).replace(/\s/g, "·") };
	if (INVISIBLE.test(text)) return pill([...text].slice(0, 3).map(codePoint).join(" "));
	const body = text.replace(/^ +/, "");
	return { pill: false, lead: Math.min(3, text.length - body.length), text: visible(body) };
}

const segmenter = "Segmenter" in Intl ? new Intl.Segmenter() : null;

const graphemes = (text: string): string[] =>
	segmenter && /[^ -~…]/.test(text)
		? Array.from(segmenter.segment(text), (part) => part.segment)
		: [...text];

function truncate(text: string, max: number): string {
	if (text.length <= max) return text;
	const parts = graphemes(text);
	return parts.length <= max ? text : `${parts.slice(0, Math.max(1, max - 1)).join("")}…`;
}

/** Every character spelt out, as a title: quotes around it, escapes for what cannot be seen. */
export const spelled = ({ text }: { text: string }): string =>
	JSON.stringify(text).replace(HIDDEN, (char) => `\\u${codePoint(char).slice(2)}`);

/** The token in a line of plain text: an aria label, a canvas, SVG, a copied table. */
export function tokenText(token: TokenInfo, max = 24): string {
	const { pill, lead, text } = shown(token);
	if (pill) return `‹${truncate(text, max)}›`;
	const line = "·".repeat(lead) + truncate(text, max);
	return RTL.test(line) ? `\u2068${line}\u2069` : line;
}

/** The token in the page. In running text a leading space is a space, alone it is a dot. */
export function tokenNode(token: TokenInfo, max = 40, running = false): HTMLElement {
	const { pill, lead, text } = shown(token);
	const node = h("bdi", { class: "iw-tok", title: token.text });
	if (pill) node.append(h("span", { class: "iw-pill" }, truncate(text, max)));
	else {
		if (lead)
			node.append(h("span", { class: "iw-sp" }, (running && text ? " " : "·").repeat(lead)));
		node.append(truncate(text, max));
	}
	if (token.generated) node.classList.add("iw-gen");
	return node;
}

/** About how wide `tokenNode` is, in pixels at 12 px. */
export function tokenWidth(token: TokenInfo, max: number): number {
	const { pill, lead, text } = shown(token);
	let columns = lead;
	for (const part of graphemes(truncate(text, max))) columns += part > "\u2e80" ? 2 : 1;
	return pill ? columns * 6 + 12 : columns * 7.3;
}
