import type { ProbePayload, WireScored } from "../../../contract.gen";
import { legend } from "../../../shared/chrome";
import { div, h, memo, set, word } from "../../../shared/dom";
import { clamp } from "../../../shared/keys";
import { colour, css, textOn } from "../../../shared/ramp";
import { spelled, tokenNode } from "../../../shared/tokens";
import { layerName, scoreText } from "../numbers";
import { chosenLayer, chosenProbe, numbersOf, readOf, type State } from "../state";
import type { Core } from "../view";

/** Below this share of the scale a token has no colour of its own. */
const FAINT = 0.06;

/** The text's scores at the layer and of the class on screen; null: of another probe. */
export function valuesOf(
	state: State,
	payload: ProbePayload,
	one: WireScored,
): Float32Array | null {
	if (one.probe !== chosenProbe(state)) return null;
	const all = numbersOf(one);
	const n = one.tokens.length;
	const outputs = all.length / (payload.layers.length * n) || 1;
	const output = outputs > 1 ? clamp(state.kept.output, 0, outputs - 1) : 0;
	const first = (chosenLayer(state) * outputs + output) * n;
	return all.subarray(first, first + n);
}

/** The text's score: the mean over the positions that the probe reads; null: it reads none. */
export function scoreOf({ read }: WireScored, values: Float32Array): number | null {
	const sum = read.reduce((total, pos) => total + (values[pos] ?? Number.NaN), 0);
	return read.length ? sum / read.length : null;
}

/** Any text, its tokens coloured by what the probe says of each. */
export function makeHeat(core: Core): (state: State, payload: ProbePayload) => void {
	const { heat, life, ask, dispatch, root, state: now } = core;
	const head = div("h");
	const scale = div("pb-scale");
	const field = h("input", {
		...{ type: "text", class: "iw-pb-field", "aria-label": "a text to score" },
		placeholder: "Type any text to score its tokens, Enter",
		...{ spellcheck: "false", autocomplete: "off" },
	});
	const go = word("score", { class: "iw-t iw-act" });
	const form = div("pb-ask", field, go);
	const rows = div("pb-rows");
	heat.append(div("pb-top", head, scale), form, rows);
	const onRows = memo();
	const submit = () => {
		if (field.value.trim()) void ask("text", { text: field.value });
	};
	life.on(go, "click", submit);
	life.on(field, "keydown", (event) => {
		event.stopPropagation(); // the notebook's own shortcuts, and ours
		if (event.key === "Enter") submit();
	});
	life.on(rows, "click", (event) => {
		const target = event.target instanceof Element ? event.target : null;
		const gone = target?.closest<HTMLElement>("[data-forget]");
		if (gone) return void ask("forget", { index: Number(gone.dataset.forget) });
		const chip = target?.closest<HTMLElement>("[data-pos]");
		const add = event.ctrlKey || event.metaKey;
		if (chip) dispatch({ type: "token", position: Number(chip.dataset.pos), add });
	});

	return (state, payload) => {
		const { tokens, kept, offline } = state;
		const asks = payload.can_score && !offline;
		form.hidden = !asks;
		heat.hidden = !asks && !payload.scored.length;
		const layer = chosenLayer(state);
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		const deps = [payload, chosenProbe(state), layer, String(tokens), theme, asks];
		onRows([...deps, kept.output, kept.threshold], () => {
			const top = topOf(state, payload);
			head.replaceChildren(
				h("b", {}, "Score of each token"),
				`at ${layerName(payload.layers[layer] ?? 0)}`,
			);
			const unit = payload.task === "regression" ? "amount" : "log-odds";
			const names = payload.classes;
			const above = names.length > 2 ? names[kept.output] : names[1];
			const what = above ? `${unit}, + is ${above}` : unit;
			const digits = top < 10 ? 1 : 0;
			const ends = [`≤ ${scoreText(-top, digits)}`, `≥ ${scoreText(top, digits)}`] as const;
			scale.replaceChildren(...(top ? legend(...ends, what, true).childNodes : []));
			rows.replaceChildren(
				...payload.scored.map((one, i) => rowOf(now(), payload, one, i, top, theme, asks)),
			);
		});
	};
}

/**
 * One scale for all texts of a layer: that of whole texts, for the direction may say far more at
 * tokens that the probe was not fitted on. Without those, of all tokens but special ones.
 */
function topOf(state: State, payload: ProbePayload): number {
	let top = Math.max(0, ...(readOf(state)?.score ?? []).map(Math.abs));
	if (top) return top;
	for (const one of payload.scored) {
		const values = valuesOf(state, payload, one);
		for (const [i, value] of (values ?? []).entries())
			if (!one.tokens[i]?.special && Number.isFinite(value)) top = Math.max(top, Math.abs(value));
	}
	return top;
}

function rowOf(
	state: State,
	payload: ProbePayload,
	one: WireScored,
	index: number,
	top: number,
	theme: "light" | "dark",
	asks: boolean,
): HTMLElement {
	const values = valuesOf(state, payload, one);
	const score = values && scoreOf(one, values);
	const turns = new Map(one.turns.map(({ role, start }) => [start, role]));
	const selected = new Set(index === 0 ? state.tokens : []);
	const chips = one.tokens.flatMap((token, pos) => {
		const value = values?.[pos];
		const chip = h("span", { class: "iw-pb-chip" }, tokenNode(token, 40, true));
		chip.classList.toggle("iw-pb-read", one.read.length === 1 && one.read[0] === pos);
		chip.classList.toggle("iw-pb-sel", selected.has(pos));
		if (index === 0) set(chip, { "data-pos": pos });
		if (value !== undefined) paint(chip, token.special ? Number.NaN : value / (top || 1), theme);
		const said = value === undefined ? "another probe's" : scoreText(value);
		(chip.firstElementChild as HTMLElement).title = `${spelled(token)} ${said}`;
		const role = turns.get(pos);
		return role === undefined ? [chip] : [h("span", { class: "iw-pb-role" }, role), chip];
	});
	const gone = asks ? word("×", { "data-forget": index, "aria-label": "forget this text" }) : null;
	return div(
		"pb-row",
		h("span", { class: "iw-pb-label" }, labelOf(payload, one)),
		div("pb-text", ...chips),
		h("span", { class: "iw-pb-score" }, ...verdict(state, payload, one, score), gone),
	);
}

function paint(chip: HTMLElement, share: number, theme: "light" | "dark"): void {
	if (!(Math.abs(share) >= FAINT)) return;
	const rgb = colour(theme, share);
	chip.style.cssText = `background-color:${css(rgb)};color:${textOn(rgb)}`;
}

function labelOf({ classes }: ProbePayload, { target }: WireScored): string {
	if (target === null) return "typed";
	return classes.length ? (classes[target] ?? "") : String(Number(target.toPrecision(4)));
}

/** The score that decides, and whether it is right where that is known. */
function verdict(
	{ kept }: State,
	{ classes }: ProbePayload,
	{ target }: WireScored,
	score: number | null,
): (Node | string)[] {
	if (score === null) return [h("span", { class: "iw-dim" }, "–")];
	const text = scoreText(score, 1);
	if (!classes.length) return [text.replace("+", "")];
	const above = score > kept.threshold;
	const positive = classes.length > 2 ? kept.output : 1;
	const other = classes.length > 2 ? `not ${classes[positive]}` : (classes[0] ?? "");
	if (target === null)
		return [text, h("span", { class: "iw-dim" }, above ? (classes[positive] ?? "") : other)];
	const right = above === (target === positive);
	return [
		text,
		h("span", { class: "iw-dim", title: right ? "right" : "wrong" }, right ? "✓" : "✗"),
	];
}
