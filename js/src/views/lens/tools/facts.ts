import { h } from "../../../shared/dom";
import { plural } from "../../../shared/format";
import type { GridLayout } from "../../../shared/grid/layout";
import { tokenNode, tokenText } from "../../../shared/tokens";
import { cellOf, type Scene, word } from "../scene";
import { layerOf, pinnedCells, type State, selectedCells } from "../state";
import { valueAt } from "./colours";
import { bandOf, type Series } from "./series";
import { number } from "./words";

/** Facts only: what a mark means, what is missing. */
export function captionOf(
	scene: Scene,
	series: readonly Series[],
	{ block }: GridLayout,
): (string | Node)[] {
	const { payload, state, measure, grid } = scene;
	const band = bandOf(scene, series[0]);
	const broken = series.some(({ values, followed }) => !followed && values.includes(null));
	const hit = grid.lines[1]?.under?.some(Boolean);
	const facts = [
		"Rows are layers, last on top.",
		block > 1 && `Each colour is the strongest of ${block} tokens.`,
		measure === "rank" && "Rank 1 is the most probable token.",
		measure === "kl" && "KL(last layer ‖ layer).",
		band &&
			`Grey: probability of the same token read with a randomly rotated unembedding, 95\u2009% of ${band.n}.`,
		hit && "Underlined: the last layer’s top token is the one that came next.",
		broken &&
			measure !== "rank" &&
			`A line breaks where its token is not among the ${payload.k} kept; followed tokens are read everywhere.`,
		payload.nonfinite > 0 &&
			`${plural(payload.nonfinite, "prediction")} not read or not finite (hatched).`,
		payload.tokens.some((token) => token.generated) && "Underlined in “in”: generated.",
		state.offline && "No kernel: other tokens and new runs need Run.",
		state.fetch && !state.offline && `${state.fetch}.`,
	];
	return [facts.filter(Boolean).join(" "), ...pinsOf(state)];
}

function pinsOf(state: State): Node[] {
	const { payload } = state;
	if (!payload) return [];
	return pinnedCells(state).flatMap(([row, column], i) => [
		h("span", {}, i ? ", " : " Pinned: ", h("b", {}, String(i + 1))),
		h("span", {}, ` L${layerOf(payload, row)}, position ${column}`),
	]);
}

/** The grid and where the keyboard is, for who hears it. */
export function gridLabel(scene: Scene): string {
	const { payload, state } = scene;
	const size = `${plural(payload.layers.length, "layer")} × ${plural(payload.tokens.length, "token")}`;
	const at = state.cursor ?? selectedCells(state)[0];
	return `lens, ${size}${at ? `; ${said(scene, at)}` : ""}`;
}

function said(scene: Scene, at: readonly [number, number]): string {
	const { payload, store, measure } = scene;
	const [row, column] = at;
	const best = store.best[cellOf(scene, at)] ?? -1;
	const value = valueAt(scene, at);
	const token = best < 0 ? "nothing read" : tokenText(word(store.text(best)));
	const shown = value === null ? "" : `, ${number(measure, value)}`;
	return `layer ${layerOf(payload, row)}, position ${column}: ${token}${shown}`;
}

/** What is under the pointer, in one line that is always there. */
export function readoutOf(scene: Scene): (string | Node)[] {
	const { payload, state, store, measure, target } = scene;
	const { hover } = state;
	if (!hover) return [];
	const [row, column] = hover;
	const cell = cellOf(scene, hover);
	const best = store.best[cell] ?? -1;
	const where = h("span", { class: "iw-dim" }, `L${layerOf(payload, row)}, position ${column} `);
	const input = payload.tokens[column];
	const nodes: (string | Node)[] = [where, ...(input ? [tokenNode(input, 16), " → "] : [])];
	if (best < 0) return [...nodes, "nothing read"];
	const p = Math.exp(store.logprob[cell] ?? Number.NaN);
	nodes.push(tokenNode(word(store.text(best)), 16), " ", h("b", {}, number("probability", p)));
	const of = payload.targets[target];
	const value = valueAt(scene, hover);
	if (of && value !== null) {
		const shown = `${measure === "rank" ? "rank " : ""}${number(measure, value)}`;
		nodes.push(" · ", tokenNode(word(of.text), 16), ` ${shown}`);
	}
	for (const [name, unit] of [
		["entropy", "nats"],
		["kl", "nats KL"],
	] as const) {
		const one = store.map(name)?.[cell];
		if (one !== undefined && (name === "entropy" || measure === "kl"))
			nodes.push(` · ${number(name, one)} ${unit}`);
	}
	return nodes;
}
