import { h, memo, s, set } from "../../shared/dom";
import { inCell, weight } from "../../shared/format";
import { arrow, taken } from "../../shared/keys";
import type { Life } from "../../shared/life";
import { MASKED } from "../../shared/pixels";
import { colour, css, textOn } from "../../shared/ramp";
import { rowOf } from "../../shared/tensor";
import type { Theme } from "../../shared/theme";
import { tokenNode, tokenText } from "../../shared/tokens";
import { activeQuery, type Dispatch, type Scene } from "./scene";

const ARC_LEAST = 0.02;
const ARCS_MOST = 12;
const PRINT_LEAST = 0.05;
const SHADE_LEAST = 0.004;
const SCROLL_TOKENS = 300;
const SCROLL_HEIGHT = 264;

interface Chip {
	node: HTMLElement;
	value: HTMLElement;
	/** Middle of the upper edge; measured once, reading it back costs a layout of every token. */
	x: number;
	y: number;
	look: string;
}

/** The tokens in their order, and arcs from one query to its keys. */
export function makeStrip(life: Life, dispatch: Dispatch) {
	const line = h("div", { class: "iw-line" });
	const arcs = s("svg", { class: "iw-svg", "aria-hidden": "true" });
	const node = h("div", { class: "iw-strip", tabindex: 0, role: "application" }, arcs, line);
	const onTokens = memo();
	const onWidth = memo();
	const onQuery = memo();
	const onRow = memo();
	let chips: Chip[] = [];

	const position = (event: Event): number | null => {
		const chip = event.target instanceof Element ? event.target.closest("[data-pos]") : null;
		return chip instanceof HTMLElement ? Number(chip.dataset.pos) : null;
	};
	life.on(line, "pointerover", (event) =>
		dispatch({ type: "hover", query: position(event), key: null }),
	);
	life.on(line, "pointerleave", () => dispatch({ type: "hover", query: null, key: null }));
	life.on(line, "click", (event) => {
		const query = position(event);
		if (query !== null) dispatch({ type: "query", query });
	});
	life.on(node, "keydown", (event) => {
		const step = arrow(event);
		if (!step) return;
		taken(event);
		dispatch({ type: "move", by: step[0] + step[1] });
	});

	return {
		node,
		draw(scene: Scene) {
			const { tokens } = scene.payload;
			onTokens([scene.payload], () => {
				line.style.maxWidth = `${tokens.length * 120}px`;
				chips = tokens.map((token, i) => {
					const value = h("small");
					const data = { class: "iw-chip", "data-pos": i };
					return {
						node: h("span", data, tokenNode(token, 24, true), value),
						value,
						x: 0,
						y: 0,
						look: "",
					};
				});
				line.replaceChildren(...chips.map((chip) => chip.node));
				for (const { role, start } of scene.payload.turns ?? []) {
					chips[start]?.node.before(h("span", { class: "iw-turn" }, role));
				}
				node.classList.toggle("iw-scroll", tokens.length > SCROLL_TOKENS);
			});
			onWidth([scene.payload, scene.width], () => {
				node.classList.remove("iw-wrap");
				const end = chips.at(-1)?.node; // scrollWidth would count the numbers under it
				const needed = end ? end.offsetLeft + end.offsetWidth - line.offsetLeft : 0;
				node.classList.toggle("iw-wrap", needed > line.clientWidth + 1);
				for (const chip of chips) {
					chip.x = chip.node.offsetLeft + chip.node.offsetWidth / 2;
					chip.y = chip.node.offsetTop - 3;
				}
				set(arcs, { width: line.clientWidth, height: node.scrollHeight });
			});
			onQuery([scene.payload, scene.query], () => {
				const chip = chips[scene.query]; // scrollIntoView would scroll the page as well
				if (chip && tokens.length > SCROLL_TOKENS) node.scrollTop = chip.y - SCROLL_HEIGHT / 2;
			});
			const active = activeQuery(scene);
			const { hover } = scene.state;
			onRow([scene.payload, scene.view, scene.theme, scene.width, scene.query, hover], () => {
				const wrapped = node.classList.contains("iw-wrap");
				shade(chips, scene, active, wrapped);
				arcs.replaceChildren(...drawArcs(chips, scene, active, wrapped));
				set(node, { "aria-label": stripLabel(scene) });
			});
		},
	};
}

function stripLabel({ payload, query }: Scene): string {
	const token = payload.tokens[query];
	return `tokens; query ${query} of ${payload.tokens.length} is selected: ${token ? tokenText(token) : ""}`;
}

const weights = (scene: Scene, query: number): Float32Array =>
	scene.view?.pooled === 1 ? rowOf(scene.view.matrix, query) : new Float32Array();

function shade(chips: readonly Chip[], scene: Scene, active: number, wrapped: boolean): void {
	const print = wrapped ? inCell : weight; // running text has little room under a word
	const { ink, theme, payload, query, state } = scene;
	const row = weights(scene, active);
	for (const [i, chip] of chips.entries()) {
		const number = payload.causal && i > active ? MASKED : (row[i] ?? 0);
		const hovered = i === state.hover.key || (i === active && i !== query);
		const marks = [number < 0 && "iw-masked", i === query && "iw-query", hovered && "iw-hovered"];
		const shown = number >= PRINT_LEAST ? print(number) : "";
		const text = i === query && !shown && !wrapped ? "query" : shown;
		update(chip, background(theme, number, ink.scale), marks.filter(Boolean).join(" "), text);
	}
}

function background(theme: Theme, number: number, scale: number): string {
	if (!(number >= SHADE_LEAST)) return "";
	const rgb = colour(theme, number / scale);
	return `background:${css(rgb)};color:${textOn(rgb)}`;
}

/** Writes only what differs: of a thousand tokens a hover changes a few. */
function update(chip: Chip, style: string, marks: string, text: string): void {
	const look = `${style}|${marks}|${text}`;
	if (look === chip.look) return;
	chip.look = look;
	chip.node.style.cssText = style;
	chip.node.className = `iw-chip ${marks}`;
	chip.value.textContent = text;
}

function drawArcs(chips: readonly Chip[], scene: Scene, active: number, wrapped: boolean): Node[] {
	const from = chips[active];
	if (!from) return [];
	const row = weights(scene, active);
	const keys = [...row.keys()].filter((key) => key !== active && (row[key] ?? 0) >= ARC_LEAST);
	keys.sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
	return keys.slice(0, ARCS_MOST).flatMap((key) => {
		const to = chips[key];
		if (!to) return [];
		const share = Math.min(1, (row[key] ?? 0) / scene.ink.scale);
		const d = arcPath(from, to, scene.width, wrapped);
		return [s("path", { d, "stroke-width": 0.75 + share * 9, opacity: 0.45 + 0.5 * share })];
	});
}

function arcPath(from: Chip, to: Chip, width: number, wrapped: boolean): string {
	const reach = Math.abs(to.x - from.x) / width;
	const lift = (wrapped ? 10 + 24 * reach : 18 + 62 * reach) * 1.25;
	return `M${from.x},${from.y}C${from.x},${from.y - lift} ${to.x},${to.y - lift} ${to.x},${to.y}`;
}
