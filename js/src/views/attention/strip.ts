import { div, h, memo } from "../../shared/dom";
import type { Life } from "../../shared/life";
import { MASKED } from "../../shared/pixels";
import { colour, css, textOn } from "../../shared/ramp";
import { rowOf } from "../../shared/tensor";
import { tokenNode } from "../../shared/tokens";
import { type Acts, activeQuery, type Scene } from "./scene";
import { NO_HOVER } from "./state";

const SHADES = 32; // no more than an eye tells apart: of a long text few tokens then change
const SCROLL_TOKENS = 300;

export interface Chip {
	node: HTMLElement;
	look: string;
}

/** The tokens in their order, shaded by one query's row. */
export function makeStrip(life: Life, acts: Acts) {
	const line = div("line");
	const node = h("div", { class: "iw-strip", tabindex: 0, role: "application" }, line);
	const onTokens = memo();
	const onWidth = memo();
	const onRow = memo();
	let chips: Chip[] = [];

	const position = (event: Event): number | null => {
		const chip = (event.target as Element).closest<HTMLElement>("[data-pos]");
		return chip && Number(chip.dataset.pos);
	};
	life.on(line, "pointerover", (event) => {
		if (!event.buttons) acts.set({ hover: [position(event), null] });
	});
	life.on(line, "pointerleave", () => acts.set({ hover: NO_HOVER }));
	life.on(line, "click", (event) => {
		const at = position(event);
		if (at !== null) acts.token(at, event);
	});

	return {
		node,
		line,
		position,
		chips: () => chips,
		draw(scene: Scene) {
			const { tokens, turns } = scene.payload;
			onTokens([scene.payload], () => {
				line.style.maxWidth = `${tokens.length * 120}px`;
				chips = tokens.map((token, i) => {
					const data = { class: "iw-chip", "data-pos": i };
					return { node: h("span", data, tokenNode(token, 24, true)), look: "" };
				});
				line.replaceChildren(...chips.map((chip) => chip.node));
				for (const { role, start } of turns ?? [])
					chips[start]?.node.before(h("span", { class: "iw-turn" }, role));
				node.classList.toggle("iw-scroll", tokens.length > SCROLL_TOKENS);
			});
			onWidth([scene.payload, scene.width], () => {
				node.classList.remove("iw-wrap");
				const end = chips.at(-1)?.node; // scrollWidth would count the numbers under it
				const needed = end ? end.offsetLeft + end.offsetWidth - line.offsetLeft : 0;
				node.classList.toggle("iw-wrap", needed > line.clientWidth + 1);
			});
			const { hover, tokens: picked } = scene.state;
			onRow([scene.payload, scene.view, scene.ink, scene.query, picked, String(hover)], () =>
				shade(chips, scene),
			);
		},
	};
}

function shade(chips: readonly Chip[], scene: Scene): void {
	const { ink, causal, query, state, view } = scene;
	const active = activeQuery(scene);
	const row = view?.pooled === 1 ? rowOf(view.matrix, active) : [];
	for (const [i, chip] of chips.entries()) {
		const number = causal && i > active ? MASKED : (row[i] ?? 0);
		const masked = number === MASKED;
		const hovered = i === state.hover[1] || (i === active && i !== query);
		const marks = ["iw-chip", masked && "iw-masked", hovered && "iw-hovered"];
		marks.push(i === query ? "iw-query" : state.tokens.includes(i) && "iw-picked");
		const share = masked ? 0 : Math.round((SHADES * number) / ink.top) / SHADES;
		const rgb = colour(ink.theme, share);
		const style = share ? `background:${css(rgb)};color:${textOn(rgb)}` : "";
		update(chip, style, marks.filter(Boolean).join(" "));
	}
}

/** Writes only what differs: of a thousand tokens a hover changes a few. */
function update(chip: Chip, style: string, marks: string): void {
	const look = style + marks;
	if (look === chip.look) return;
	chip.look = look;
	chip.node.style.cssText = style;
	chip.node.className = marks;
}
