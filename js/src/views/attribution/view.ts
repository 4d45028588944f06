import type { AttributionKept, AttributionPayload, Links } from "../../contract.gen";
import { type Bar, makeBars } from "../../shared/bars";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h, memo } from "../../shared/dom";
import { plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import { tokenNode, tokenText } from "../../shared/tokens";
import { chosenBy, type Entry, entriesOf, logits, nameOf } from "./entries";
import type { Action, State } from "./state";

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	dispatch(action: Action): void;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: AttributionKept): void;
}

/** What one drawing is of. */
export interface Scene {
	state: State;
	payload: AttributionPayload;
	by: string;
	/** The rows of the picture. */
	entries: readonly Entry[];
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	readout: HTMLElement;
	table: HTMLElement;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	draw(state: State, scene: Scene | null): void;
}

export function makeView(base: Base, onMore: () => void) {
	const { root, life, dispatch, state: now } = base;
	let tools: Tools | null = null;
	const chrome = makeChrome(root, life, onMore);
	const bars = makeBars(life, {
		hover: (row) => dispatch({ type: "hover", row }),
		press(row, event) {
			const add = event instanceof MouseEvent && (event.ctrlKey || event.metaKey);
			dispatch({ type: "press", row, add });
		},
		move: (to) => dispatch({ type: "move", to }),
	});
	const readout = div("at-read");
	const table = h("div");
	chrome.figure.append(div("at-cols", bars.node, readout), table);
	root.dataset.theme = currentTheme(root);
	const onEntries = memo();
	let entries: readonly Entry[] = [];

	function sceneOf(state: State): Scene | null {
		const { payload, heads, tokens, layer, order, every } = state;
		if (!payload) return null;
		const by = chosenBy(state);
		onEntries([payload, by, heads, tokens, layer, order, every], () => {
			entries = entriesOf(state);
			const drawn = entries.map((entry) => barOf(payload, entry));
			const foot = [axisWords(payload), sumWords(payload)].map((words) => h("div", {}, ...words));
			bars.draw(drawn, labelOf(payload, entries), tick, foot);
		});
		return { state, payload, by, entries };
	}

	function draw(state: State): void {
		const scene = sceneOf(state);
		const { payload, status, panelOpen, links, lost, offline } = state;
		if (scene) {
			bars.mark(state.cursor, state.hover);
		}
		const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
		chrome.update({
			title: "Direct logit attribution",
			sub: payload ? subtitle(payload) : "",
			notes: [links.warning, gone && `selected token ${gone} is not in this text`].filter(Boolean),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(state, scene);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", pos: payload?.pos ?? "", by: scene?.by ?? "", painted: 1 },
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, readout, table, redraw: () => draw(now()) });
			tools.changed(now());
			draw(now());
		},
	};
}

function barOf(payload: AttributionPayload, entry: Entry): Bar {
	const { value, low, high, chance, selected, rest } = entry;
	const { text: label, token } = nameOf(payload, entry);
	return {
		...{ label, token, value, text: logits(value), selected, rest: rest !== "" },
		interval: Number.isFinite(low) ? [low, high] : null,
		band: Number.isFinite(chance) ? [-chance, chance] : null,
	};
}

/** An axis needs fewer digits than a value. */
const tick = (value: number): string =>
	value === 0 ? "0" : `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(2))}`;

function labelOf(payload: AttributionPayload, entries: readonly Entry[]): string {
	const size = plural(entries.length, "bar");
	return `${size} of ${measureOf(payload)} ${logits(payload.logit ?? Number.NaN)}; arrows move, Enter selects`;
}

export const measureOf = ({ measure }: AttributionPayload): string =>
	measure === "direction" ? "product with the direction" : measure;

/** What the bars push towards: the model's words as such. */
function axisWords({
	measure,
	toward,
	over,
	target_count: count,
}: AttributionPayload): (Node | string)[] {
	if (measure === "direction") return ["product with the direction"];
	if (!toward) return [`logits toward each prompt's own target, ${count} in all`];
	const words = ["logits toward ", tokenNode(toward)];
	if (measure === "logit") return words;
	return [...words, " over ", over ? tokenNode(over) : "each prompt's own"];
}

/** That nothing is missing. */
function sumWords(payload: AttributionPayload): (Node | string)[] {
	const total = payload.logit ?? Number.NaN;
	const mean = payload.n > 1 ? "mean " : "";
	return ["all bars sum to ", h("b", {}, logits(total)), `, the ${mean}${measureOf(payload)}`];
}

function subtitle(payload: AttributionPayload): string {
	const { tokens, pos, n, mean, prompt_count: count, same_text: same } = payload;
	const last = pos === tokens.length - 1;
	const token = tokens[pos];
	const after = token && same ? `after ${tokenText(token)}` : "";
	const where = last ? "last token" : `position ${pos}`;
	return [
		[after, where].filter(Boolean).join(", "),
		mean && count > 1 && `mean of ${plural(n, "prompt")}`,
	]
		.filter(Boolean)
		.join(" · ");
}
