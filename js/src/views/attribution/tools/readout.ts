import type { AttributionPayload, TokenInfo } from "../../../contract.gen";
import { legend } from "../../../shared/chrome";
import { h, memo, word } from "../../../shared/dom";
import { plural } from "../../../shared/format";
import { colour, css, textOn } from "../../../shared/ramp";
import { bytesOf } from "../../../shared/tensor";
import { tokenNode } from "../../../shared/tokens";
import { type Entry, logits, nameOf, placeOf } from "../entries";
import { activeRow } from "../state";
import type { Core, Scene } from "../view";
import { breakdownsOf, splitting } from "./choices";

type Head = readonly [number, number];

/** One bar in words; of a head, what it took from each token. */
export function makeReadout(core: Core): (scene: Scene) => void {
	const { readout, root, life, dispatch } = core;
	const split = splitting(core);
	const onRow = memo();
	let head: Head | null = null;
	life.on(readout, "click", ({ target }) => {
		const one =
			target instanceof Element ? target.closest<HTMLElement>("[data-pos],[data-split]") : null;
		if (one?.dataset.split) void split({ by: "source" });
		else if (one && head) dispatch({ type: "token", head, position: Number(one.dataset.pos) });
	});
	return (scene) => {
		const { state, payload, entries } = scene;
		const entry = entries[activeRow(state, entries)];
		const { theme } = root.dataset;
		const offered = state.status.can_rerun && !state.offline;
		onRow([payload, scene.by, entry, state.tokens, theme, offered], () => {
			head = entry ? headOf(entry) : null;
			const parts = entry ? [...describe(payload, entry), ...sources(scene, head, theme)] : [];
			readout.classList.toggle("iw-at-stripped", payload.strips !== null);
			readout.replaceChildren(...parts);
		});
	};
}

function headOf(entry: Entry): Head | null {
	const { kind, layer, index } = placeOf(entry);
	return kind === "head" || kind === "source" ? [layer, index] : null;
}

function describe(payload: AttributionPayload, entry: Entry): Node[] {
	const { value, low, high, chance, rest } = entry;
	const { text, token } = nameOf(payload, entry);
	const name = h("span", {}, text, token ? " " : "", token && tokenNode(token, 24));
	const line = h("div", { class: "iw-at-what" }, name, h("b", {}, logits(value)), "logits");
	const interval =
		Number.isFinite(low) &&
		`95 % ${logits(low)} to ${logits(high)}, ${plural(payload.n, "prompt")}`;
	const control = Number.isFinite(chance)
		? `random direction, 95 %: ±${chance.toFixed(2)}`
		: !rest && "no control";
	const facts = [interval, control, rest && restWords(entry)].filter(Boolean) as string[];
	return [line, ...facts.map((fact) => h("div", { class: "iw-leg-what" }, fact))];
}

const restWords = ({ rest, count }: Entry): string =>
	rest === "others"
		? `the sum of ${plural(count, "smaller part")}; click to see them`
		: "what is left of the logit: rounding, or a part of the model that no bar is";

function sources(scene: Scene, head: Head | null, theme = "light"): Node[] {
	const { payload, state } = scene;
	if (!head) return [];
	const values = stripOf(payload, head);
	if (values) return [strip(scene, head, values, theme === "dark" ? "dark" : "light")];
	const offered = breakdownsOf(state).some(({ name, why }) => name === "source" && why === "run");
	if (!offered) return [];
	const attrs = { class: "iw-t iw-act", "data-split": "source" };
	return [
		h("div", { class: "iw-leg-what" }, word("split by source token", attrs), " one more run"),
	];
}

/** What a head took from each token, where that travelled along. */
export function stripOf(
	{ strips, tokens }: AttributionPayload,
	[layer, head]: Head,
): Float32Array | null {
	const at = strips?.heads.findIndex(([l, h]) => l === layer && h === head) ?? -1;
	if (!strips || at < 0) return null;
	const bytes = bytesOf(strips.values);
	const size = 4 * tokens.length;
	return new Float32Array(bytes.slice(at * size, (at + 1) * size).buffer as ArrayBuffer);
}

function strip(
	scene: Scene,
	[layer, head]: Head,
	values: Float32Array,
	theme: "light" | "dark",
): Node {
	const { payload, state } = scene;
	const most = Math.max(...values.map(Math.abs)) || 1;
	const words = payload.tokens.map((token, i) => chip(token, i, values[i] ?? 0, most, theme));
	const own = state.heads.some(([l, h]) => l === layer && h === head);
	for (const position of own ? state.tokens : []) words[position]?.classList.add("iw-at-chosen");
	const title = h("div", { class: "iw-leg-what" }, `L${layer} H${head}, taken from each token`);
	return h(
		"div",
		{ class: "iw-at-strip" },
		title,
		h("div", {}, ...words),
		legend(logits(-most), logits(most), "logits", true),
	);
}

function chip(
	token: TokenInfo,
	i: number,
	value: number,
	most: number,
	theme: "light" | "dark",
): HTMLElement {
	const finite = Number.isFinite(value);
	const rgb = colour(theme, finite ? value / most : 0);
	const style = finite ? `background-color:${css(rgb)};color:${textOn(rgb)}` : "";
	const attrs = { class: finite ? "iw-at-chip" : "iw-at-chip iw-hatch", "data-pos": i, style };
	return h("span", { ...attrs, title: `${i}: ${logits(value)}` }, tokenNode(token, 24, true));
}
