import { div, h, memo, s, set } from "../../../shared/dom";
import { tokenNode } from "../../../shared/tokens";
import type { Scene } from "../scene";
import type { Core } from "../view";

const APART = 40;

/** Which tokens of the two prompts were compared: a line between partners, dashes round the rest. */
export function makeAlignment({ multiples }: Core): (scene: Scene) => void {
	const node = div("aligned");
	multiples.after(node);
	const onPayload = memo();
	return ({ payload, width }) => {
		node.hidden = !payload.alignment;
		onPayload([payload, width], () => {
			const { alignment, tokens, less = "" } = payload;
			if (!alignment) return node.replaceChildren();
			const chips = (all: typeof tokens, alone: readonly number[]) =>
				all.map((token, i) => {
					const mark = alone.includes(i) ? " iw-alone" : "";
					return h("span", { class: `iw-word${mark}` }, tokenNode(token, 16));
				});
			const upper = chips(tokens, alignment.unmatched);
			const lower = chips(alignment.tokens, alignment.unmatched_other);
			const lines = s("svg", { class: "iw-svg", "aria-hidden": "true" });
			const inside = div("rows2", div("words", ...upper), div("words", ...lower), lines);
			const alone = alignment.unmatched.length + alignment.unmatched_other.length;
			const names = `compared by text, above this run, below ${less}; dashed: without a partner (${alone})`;
			node.replaceChildren(inside, div("leg-what", names));
			set(lines, { width: inside.scrollWidth, height: inside.scrollHeight });
			for (const [a, b] of alignment.pairs) {
				const [from, to] = [upper[a], lower[b]];
				if (!from || !to) continue;
				const middle = (one: HTMLElement) => one.offsetLeft + one.offsetWidth / 2;
				const [top, bottom] = [from.offsetTop + from.offsetHeight, to.offsetTop];
				const bend = (bottom - top || APART) / 2;
				const d = `M${middle(from)},${top}C${middle(from)},${top + bend} ${middle(to)},${bottom - bend} ${middle(to)},${bottom}`;
				lines.append(s("path", { d }));
			}
		});
	};
}
