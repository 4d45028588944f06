import type { TopToken, WirePatchGrid } from "../../../contract.gen";
import { h, word } from "../../../shared/dom";
import { percent, weight } from "../../../shared/format";
import { tokenNode } from "../../../shared/tokens";

/** 0.46, −0.09; what rounds to nothing is 0.00. */
export const share = (value: number): string => weight(Math.round(value * 100) / 100);

/** A logit with its sign, as many places as it needs. */
export function quantity(value: number, unit: string): string {
	const plus = value > 0 && unit === "logits" ? "+" : "";
	return `${plus}${weight(value)}${unit ? ` ${unit}` : ""}`;
}

export function range(low: number, high: number): string {
	const [a, b] = [share(low), share(high)];
	return `${a}${b.startsWith("−") ? " to " : "–"}${b}`;
}

/** A word that acts, with what it acts on. */
export const action = (text: string, name: string, fields: Record<string, unknown> = {}) =>
	word(text, {
		class: "iw-t iw-act",
		"data-do": name,
		"data-with": JSON.stringify(fields),
	});

export const line = (name: Node | string, ...value: (Node | string)[]): HTMLElement =>
	h("div", { class: "iw-pt-line" }, h("span", {}, name), h("span", { class: "iw-pt-v" }, ...value));

const chance = (p: number): string =>
	p >= 0.1 ? percent(p) : p >= 0.0005 ? `${weight(100 * p, 1)}\u2009%` : weight(p);

/** The most probable next tokens, each with its bar. */
export function topNodes(top: readonly TopToken[]): Node[] {
	const most = top[0]?.probability || 1;
	return top.map(({ token, probability }) => {
		const bar = h("i", { style: `width:${(100 * probability) / most}%` });
		const track = h("span", { class: "iw-pt-track" }, bar);
		return h("div", { class: "iw-pt-guess" }, tokenNode(token, 14), track, chance(probability));
	});
}

/** The same in a line of text. */
export const topLine = (top: readonly TopToken[], count = 2): Node[] =>
	top
		.slice(0, count)
		.map(({ token, probability }) =>
			h("span", { class: "iw-pt-next" }, tokenNode(token, 12), ` ${chance(probability)}`),
		);

export const metricName = ({ metric }: Pick<WirePatchGrid, "metric">): string =>
	metric.replace(/ (of )?['"].*$| of each pair's answers/, "");
