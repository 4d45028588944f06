import { type Acts, makeChrome, stampLine } from "../../shared/chrome";
import { h, word } from "../../shared/dom";
import { list, plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import { ink } from "../../shared/pixels";
import { watchTheme } from "../../shared/theme";
import type { Heads } from "./heads";
import { isWide, thumbLayout } from "./layout";
import { makeMap } from "./map";
import { type Dispatch, headName, type Scene } from "./scene";
import { chosen, chosenQuery, type State } from "./state";
import { makeStrip } from "./strip";
import { asTsv, makeTable } from "./table";
import { makeThumbs } from "./thumbs";

const UNMEASURED = 720;
const NO_STATUS_LINE = "no kernel: saved numbers; other prompts and new runs need Run";

export function makeView(
	root: HTMLElement,
	life: Life,
	heads: Heads,
	dispatch: Dispatch,
	acts: Pick<Acts, "rerun" | "prompt">,
) {
	const chrome = makeChrome(root, life, {
		...acts,
		panel: () => dispatch({ type: "toggle", what: "panelOpen" }),
	});
	const thumbs = makeThumbs(life, heads, dispatch);
	const map = makeMap(life, dispatch);
	const strip = makeStrip(life, dispatch);
	const table = makeTable(life, dispatch);
	const pair = h("div", { class: "iw-pair" }, thumbs.node, map.node);
	chrome.figure.append(pair, strip.node, table.node);
	let last: { state: State; scene: Scene | null } | null = null;

	const redraw = () => {
		if (last) draw(last.state);
	};
	fillPanel(chrome.panel, life, dispatch, () => last?.scene ?? null);
	watchTheme(root, life, redraw);
	let measured = 0;
	life.resized(root, () => {
		if (root.clientWidth !== measured) redraw();
		measured = root.clientWidth;
	});
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key.toLowerCase() === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (event.key === "Escape") dispatch({ type: "escape" });
		else return;
		event.stopPropagation();
	});

	function draw(state: State): void {
		const scene = state.payload && sceneOf(state, root, heads);
		last = { state, scene };
		if (scene) {
			thumbs.draw(scene);
			map.draw(scene, mapRoom(scene));
			strip.draw(scene);
			table.draw(scene);
		}
		chrome.update(factsOf(state, scene, map.block()));
		root.dataset.run = String(state.payload?.run ?? "");
		root.dataset.t = String(state.payload?.tokens.length ?? "");
		root.dataset.painted = "1";
	}
	return { draw };
}

function sceneOf(state: State, root: HTMLElement, heads: Heads): Scene | null {
	const { payload } = state;
	if (!payload) return null;
	const head = chosen(state);
	const full = head && heads.full(head);
	const theme = root.dataset.theme === "dark" ? "dark" : "light";
	return {
		state,
		payload,
		theme,
		ink: ink(theme, payload.scale),
		width: root.clientWidth || UNMEASURED,
		head,
		query: chosenQuery(state),
		view: full ?? (head && heads.thumb(head)),
		coming: head !== null && !full && state.fetch?.phase !== "absent",
	};
}

function mapRoom({ width, payload }: Scene): number {
	if (!isWide(width)) return width;
	const { size, gap, gutter } = thumbLayout(width, payload.layers.length, payload.heads.length);
	const left = gutter + payload.heads.length * (size + gap) + 8;
	return width - Math.min(left, width * 0.55) - 40;
}

function factsOf(state: State, scene: Scene | null, block: number) {
	const { payload, status, panelOpen } = state;
	const stamp = payload?.stamp;
	return {
		title: "Attention",
		sub: payload ? subtitle(payload) : "",
		intervened: stamp?.intervened || null,
		status,
		drawn: scene !== null,
		panelOpen,
		prompt: { index: payload?.prompt_index ?? 0, count: payload?.prompt_count ?? 0 },
		caption: scene ? captionOf(scene, block) : [],
		stamp: stamp ? stampLine(stamp, payload.run, state.offline ? NO_STATUS_LINE : null) : "",
	};
}

function subtitle({ layers, heads, tokens }: Scene["payload"]): string {
	const grid = `${plural(layers.length, "layer")} × ${plural(heads.length, "head")}`;
	return `${grid}, ${plural(tokens.length, "token")}`;
}

/** Facts only: what a mark means, what is missing, how exact the numbers are. */
function captionOf(scene: Scene, block: number): (string | Node)[] {
	const { payload, head, query, view } = scene;
	const { pooled, layers, layer_runs: runs } = payload;
	const facts: string[] = [];
	const layersWhere = (test: (run: number | null) => boolean) =>
		layers.filter((_, i) => test(runs[i] ?? null));
	const cells = (side: number) => `the maximum of ${side} × ${side} pairs`;
	if (pooled > 1) facts.push(`A thumbnail's cell is ${cells(pooled)}.`);
	if (block > 1) facts.push(`The map's cell is ${cells(block)}; zoom in (+) for single ones.`);
	const never = layersWhere((run) => run === null);
	const old = layersWhere((run) => run !== null && run < payload.run);
	if (never.length) facts.push(`Hatched: layer ${list(never)} not run.`);
	if (old.length) facts.push(`Grey: layer ${list(old)} from an earlier run.`);
	const bad = head
		? (payload.nonfinite[layers.indexOf(head[0])]?.[payload.heads.indexOf(head[1])] ?? 0)
		: 0;
	if (bad)
		facts.push(
			`${plural(bad, "value")} of this head ${bad === 1 ? "is" : "are"} not finite (hatched).`,
		);
	if (view?.precision === "uint8" && view.pooled === 1) facts.push("Values are kept to ±0.002.");
	if (payload.tokens.some((token) => token.generated))
		facts.push("Underlined tokens were generated.");
	const name = head && h("b", {}, `${headName(head)} is selected`);
	const first = "Each square is one head: query tokens run down, key tokens across. ";
	const selected = name ? [name, `; the arcs read query ${query}. `] : [];
	return [first, ...selected, facts.join(" ")];
}

function fillPanel(
	panel: HTMLElement,
	life: Life,
	dispatch: Dispatch,
	scene: () => Scene | null,
): void {
	const copy = word("copy values");
	const table = word("table", { title: "the selected row as a table (T)" });
	const reset = word("reset", { title: "first selection, whole map" });
	panel.append(table, copy, reset);
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(reset, "click", () => dispatch({ type: "reset" }));
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
