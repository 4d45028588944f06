import { type Acts, makeChrome, stampLine } from "../../shared/chrome";
import { h, memo, word } from "../../shared/dom";
import { plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import { colour, css } from "../../shared/ramp";
import { watchTheme } from "../../shared/theme";
import { makePickers } from "./pickers";
import { makeReadout } from "./readout";
import type { Rows } from "./rows";
import { beyond, type Dispatch, number, type Scene } from "./scene";
import { chosenRow, rowCount, rowName, type State } from "./state";
import { asTsv, makeTable } from "./table";
import { makeText, stackedRows } from "./text";

const NO_STATUS_LINE = "no kernel: saved numbers; other texts and new runs need Run";

export function makeView(
	root: HTMLElement,
	life: Life,
	rows: Rows,
	dispatch: Dispatch,
	acts: Pick<Acts, "rerun" | "prompt">,
) {
	const chrome = makeChrome(root, life, {
		...acts,
		panel: () => dispatch({ type: "toggle", what: "panelOpen" }),
	});
	const pickers = makePickers(life, dispatch);
	const text = makeText(life, dispatch);
	const readout = makeReadout();
	const table = makeTable(life, dispatch);
	const ramp = h("div", { class: "iw-scale" });
	const onScale = memo();
	const onPayload = memo();
	let absent: ReadonlySet<number> = new Set();
	const top = h("div", { class: "iw-over-text" }, pickers.node, ramp);
	chrome.figure.append(top, h("div", { class: "iw-cols" }, text.node, readout.node), table.node);
	let last: { state: State; scene: Scene | null } | null = null;

	fillPanel(chrome.panel, life, dispatch, () => last?.scene ?? null);
	watchTheme(root, life, () => {
		if (last) draw(last.state);
	});
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.target instanceof HTMLSelectElement) return;
		if (event.key.toLowerCase() === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (event.key === "Escape") dispatch({ type: "escape" });
		else return;
		event.stopPropagation();
	});

	function sceneOf(state: State): Scene | null {
		const { payload } = state;
		if (!payload) return null;
		onPayload([payload], () => {
			absent = new Set(payload.absent);
		});
		const row = chosenRow(state);
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		return { state, payload, theme, rows, row, values: rows.get(row), absent };
	}

	function draw(state: State): void {
		const scene = sceneOf(state);
		last = { state, scene };
		if (scene) {
			const { payload, theme } = scene;
			pickers.draw(scene, stackedRows(scene).length > 0);
			onScale([payload, theme], () => ramp.replaceChildren(...scaleOf(scene)));
			text.draw(scene);
			readout.draw(scene);
			table.draw(scene);
		}
		chrome.update(factsOf(state, scene));
		root.dataset.run = String(state.payload?.run ?? "");
		root.dataset.t = String(state.payload?.tokens.length ?? "");
		root.dataset.painted = "1";
	}
	return { draw };
}

/** The ramp with its ends, and with its zero where that is not one of them. */
function scaleOf({ payload, theme }: Scene): Node[] {
	const [low, high] = payload.scale;
	const both = payload.signed && low < 0;
	const stops = (both ? [-6, -4, -2, 0, 2, 4, 6] : [0, 1, 2, 3, 4, 5, 6]).map((sixths) =>
		css(colour(theme, sixths / 6)),
	);
	const bar = h("i", { class: "iw-ramp", style: `background:linear-gradient(90deg,${stops})` });
	const what = payload.unit || payload.title.toLowerCase();
	return [
		h("span", { class: "iw-leg" }, number(payload, low), bar, number(payload, high), ` ${what}`),
	];
}

function factsOf(state: State, scene: Scene | null) {
	const { payload, status, panelOpen } = state;
	const stamp = payload?.stamp;
	return {
		title: payload?.title ?? "Tokens",
		sub: scene ? subtitle(scene) : "",
		intervened: stamp?.intervened || null,
		status,
		drawn: scene !== null,
		panelOpen,
		prompt: { index: payload?.prompt_index ?? 0, count: payload?.prompt_count ?? 0 },
		caption: scene ? captionOf(scene) : [],
		stamp: stamp ? stampLine(stamp, payload.run, state.offline ? NO_STATUS_LINE : null) : "",
	};
}

function subtitle(scene: Scene): string {
	const { payload, row } = scene;
	const count = rowCount(payload);
	const of = count > 1 && !stackedRows(scene).length ? rowName(payload, row) : "";
	const size = plural(payload.tokens.length, "token");
	return [payload.prompt_label, of, size].filter(Boolean).join(" · ");
}

/** Facts only: what a mark means, what is missing. */
function captionOf({ payload, state, values, absent, row }: Scene): (string | Node)[] {
	const facts: string[] = [];
	const some = (test: (value: number) => boolean) =>
		values?.some((v, i) => !absent.has(i) && test(v));
	if (payload.absent.length) facts.push("Bare tokens have no value.");
	if (payload.signed && some((value) => value < 0)) facts.push("Dashed below: negative.");
	if (some((value) => beyond(payload, value))) facts.push("A clipped corner: beyond the scale.");
	const bad = payload.nonfinite[row] ?? 0;
	if (bad) facts.push(`${plural(bad, "value")} ${bad === 1 ? "is" : "are"} not finite (hatched).`);
	if (payload.tokens.some((token) => token.generated))
		facts.push("Underlined tokens were generated.");
	const count = state.tokens.length;
	const chosen = count ? [" ", h("b", {}, `${plural(count, "token")} selected.`)] : [];
	return [`Each token is coloured by its value. ${facts.join(" ")}`.trim(), ...chosen];
}

function fillPanel(
	panel: HTMLElement,
	life: Life,
	dispatch: Dispatch,
	scene: () => Scene | null,
): void {
	const copy = word("copy values");
	const table = word("table", { title: "the row as a table (T)" });
	panel.append(table, copy);
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(copy, "click", () => {
		const now = scene();
		const text = now && asTsv(now);
		const say = (words: string) => {
			copy.textContent = words;
			life.after(2_000, () => {
				copy.textContent = "copy values";
			});
		};
		if (text === null) return say("not loaded yet");
		const failed = () => say("the browser does not allow copying here");
		if (!navigator.clipboard) return failed();
		navigator.clipboard.writeText(text).then(() => say("copied"), failed);
	});
}
