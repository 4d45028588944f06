import { memo, s, set } from "../../../shared/dom";
import { inCell } from "../../../shared/format";
import { tokenText } from "../../../shared/tokens";
import { activeQuery, type Scene } from "../scene";
import type { Core } from "../view";
import { rowFor, shown } from "./words";

const ARC_LEAST = 0.02;
const ARCS_MOST = 12;
const PRINT_LEAST = 0.05;
const STEM = 6;
const SCROLL_TOKENS = 300;
const SCROLL_HEIGHT = 264;

/** Where a token stands; measured once, reading it back costs a layout of every token. */
interface Spot {
	/** Middle of the upper edge. */
	x: number;
	y: number;
	bottom: number;
}

/**
 * Arcs from one query to its keys, and their numbers under the tokens. All in one drawing over the
 * tokens: a number inside of a token would lay out a long text anew at every hover.
 */
export function makeArcs({ strip }: Core): (scene: Scene) => void {
	const arcs = s("g");
	const numbers = s("g", { class: "iw-mid" });
	const svg = s("svg", { class: "iw-svg", "aria-hidden": "true" }, arcs, numbers);
	strip.node.prepend(svg);
	const onWidth = memo();
	const onQuery = memo();
	const onRow = memo();
	let spots: Spot[] = [];
	return (scene) => {
		const { payload, width, query, state } = scene;
		const wrapped = strip.node.classList.contains("iw-wrap");
		onWidth([payload, width, wrapped], () => {
			spots = strip.chips().map(({ node }) => ({
				...{ x: node.offsetLeft + node.offsetWidth / 2, y: node.offsetTop - 3 },
				bottom: node.offsetTop + node.offsetHeight,
			}));
			set(svg, { width: strip.line.clientWidth, height: strip.node.scrollHeight });
		});
		onQuery([payload, query], () => {
			const spot = spots[query]; // scrollIntoView would scroll the page as well
			if (spot && payload.tokens.length > SCROLL_TOKENS)
				strip.node.scrollTop = spot.y - SCROLL_HEIGHT / 2;
		});
		onRow([payload, scene.view, scene.ink, spots, query, String(state.hover)], () => {
			numbers.replaceChildren(...drawNumbers(spots, scene, wrapped));
			arcs.replaceChildren(...drawArcs(spots, scene, wrapped));
			const token = payload.tokens[query];
			const name = `query ${query} of ${payload.tokens.length} is selected`;
			set(strip.node, { "aria-label": `tokens; ${name}: ${token ? tokenText(token) : ""}` });
		});
	};
}

function drawNumbers(spots: readonly Spot[], scene: Scene, wrapped: boolean): Node[] {
	const active = activeQuery(scene);
	const row = rowFor(scene, active);
	const print = wrapped ? inCell : (value: number) => shown(scene, value); // little room in lines
	const least = Math.max(PRINT_LEAST * scene.ink.top, wrapped ? 0.005 : 0);
	const nodes: Node[] = [];
	for (const [i, { x, bottom }] of spots.entries()) {
		const number = scene.causal && i > active ? 0 : (row[i] ?? 0);
		const own = i === scene.query;
		const text = Math.abs(number) >= least ? print(number) : own && !wrapped ? "query" : "";
		if (!text) continue;
		const place = { x: Math.max(13, Math.min(x, scene.width - 20)), y: bottom + 13 };
		nodes.push(s("text", { ...place, "data-of": i, class: own ? "iw-you-text" : null }, text));
	}
	return nodes;
}

function drawArcs(spots: readonly Spot[], scene: Scene, wrapped: boolean): Node[] {
	const active = activeQuery(scene);
	const from = spots[active];
	if (!from) return [];
	const row = rowFor(scene, active);
	const size = (key: number) => Math.min(1, Math.abs(row[key] ?? 0) / scene.ink.top);
	const keys = [...row.keys()].filter((key) => key !== active && size(key) >= ARC_LEAST);
	keys.sort((a, b) => size(b) - size(a));
	return keys.slice(0, ARCS_MOST).flatMap((key) => {
		const to = spots[key];
		if (!to) return [];
		const d = arcPath(from, to, scene.width, wrapped);
		const less = (row[key] ?? 0) < 0 ? "iw-less" : null;
		const look = { "stroke-width": 0.75 + size(key) * 9, opacity: 0.45 + 0.5 * size(key) };
		return [s("path", { d, class: less, ...look })];
	});
}

/** Within a line an arch. Over the lines between it would hide words: a stem at either end. */
function arcPath(from: Spot, to: Spot, width: number, wrapped: boolean): string {
	if (Math.abs(from.y - to.y) > 4) return `M${to.x},${to.y}v${-STEM}M${from.x},${from.y}v${-STEM}`;
	const reach = Math.abs(to.x - from.x) / width;
	const lift = (wrapped ? 7 + 6 * reach : 18 + 62 * reach) * 1.25;
	return `M${from.x},${from.y}C${from.x},${from.y - lift} ${to.x},${to.y - lift} ${to.x},${to.y}`;
}
