import type { WirePatchedRun } from "../../../contract.gen";
import { h, memo, set, word } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { spelled, tokenNode } from "../../../shared/tokens";
import type { Scene } from "../scene";
import type { State } from "../state";
import type { Core } from "../view";
import { compared as toggled } from "./steps";
import { action, metricName, quantity, range, share, topLine } from "./words";

/** The patches made by hand: what, how much, its control, what the model said; two compared. */
export function makeHistory({ runs: node, life, dispatch, state }: Core): (scene: Scene) => void {
	const onRuns = memo();
	life.on(node, "click", ({ target }) => {
		const box = target instanceof Element && target.closest<HTMLElement>("[data-compare]");
		if (box) dispatch({ type: "set", change: toggled(state(), Number(box.dataset.compare)) });
	});
	return (scene) => {
		const { patches, compared: now } = scene.state;
		node.hidden = patches.runs.length === 0;
		onRuns([patches, scene.grid, String(now)], () =>
			node.replaceChildren(...(patches.runs.length ? list(scene) : [])),
		);
	};
}

/** The metric itself stands back where there is little room: the share is of it. */
const METRIC = 3;
const wide = (column: number): string | false => column === METRIC && "iw-pt-wide";

function list(scene: Scene): Node[] {
	const { state } = scene;
	const { runs } = state.patches;
	const copy = word("copy as table", { class: "iw-t iw-act", "data-do": "copy-runs" });
	const head = h("div", { class: "iw-h" }, h("b", {}, "Patched by hand"), copy);
	const metric = metricName(runs[0] ?? scene.grid);
	const names = ["", "what was patched", "share", metric, "control", "next token", ""];
	const top = h(
		"tr",
		{},
		...names.map((name, i) => h("th", { scope: "col", class: wide(i) }, name)),
	);
	const rows = runs.map((run) => row(scene, run));
	const table = h("table", {}, h("thead", {}, top), h("tbody", {}, ...rows));
	return [head, h("div", { class: "iw-pt-rows" }, table), ...compared(scene)];
}

function row({ state, grid }: Scene, run: WirePatchedRun): HTMLElement {
	const { number, control, low, high } = run;
	const on = state.compared.includes(number);
	const box = word(String(number), {
		class: "iw-t iw-tick-box",
		role: "checkbox",
		"aria-checked": String(on),
		"aria-label": `compare run ${number}`,
		"data-compare": number,
	});
	const spread = low === null || high === null ? "" : ` ${range(low, high)}`;
	const noted = control
		? [range(control.low, control.high), h("span", { class: "iw-dim" }, ` n = ${control.n}`)]
		: [
				"no control yet",
				...(state.patches.can_run ? [" · ", action("run", "control", { grid: 0, number })] : []),
			];
	const cells: (Node | string)[][] = [
		[box],
		whatOf(run, grid.source, grid.target),
		[h("b", {}, share(run.share)), h("span", { class: "iw-dim" }, spread)],
		[quantity(run.raw, run.unit)],
		noted,
		topLine(run.top),
		restoreWords(state, number),
	];
	const line = h("tr", {}, ...cells.map((nodes, i) => h("td", { class: wide(i) }, ...nodes)));
	set(line, { class: on ? "iw-pt-on" : null });
	return line;
}

/** `residual L3, 4 ·Ada → 9 ·Ben`, in tokens where the prompts are on screen. */
function whatOf(
	run: WirePatchedRun,
	source: Scene["grid"]["source"],
	target: Scene["grid"]["target"],
): (Node | string)[] {
	const { site, layer, heads, pos, source_pos: from } = run;
	const place = [site, `L${layer}`, ...heads.map((head) => `H${head}`)].join(" ");
	if (pos === null) return [place];
	const there = source[from ?? -1];
	const here = target[pos];
	const left = from !== null && there ? [`${from} `, tokenNode(there, 12), " → "] : [];
	return [`${place}, `, ...left, `${pos} `, here ? tokenNode(here, 12) : ""];
}

function restoreWords({ patches }: State, number: number): (Node | string)[] {
	if (!patches.can_run) return [];
	if (patches.restored === number) {
		return ["in the other views · ", action("undo", "restore", { number: null })];
	}
	return patches.can_restore ? [action("restore", "restore", { number })] : [];
}

/** Two runs side by side; a probability that was not kept is left out. */
function compared({ state, grid }: Scene): Node[] {
	const [a, b] = state.compared.map((number) => state.patches.runs[number]);
	if (!a) return [];
	if (!b) return [h("p", { class: "iw-dim iw-pt-hint" }, "tick another run to compare the two")];
	const cell = (text: string) => h("td", { class: "iw-r" }, text);
	const line = (name: Node | string, x: number | null, y: number | null, show = weight) => {
		const both = x !== null && y !== null;
		const change = both ? `${y - x > 0 ? "+" : ""}${show(y - x)}` : "";
		const of = (value: number | null) => cell(value === null ? "" : show(value));
		return h("tr", {}, h("th", { scope: "row" }, name), of(x), of(y), cell(change));
	};
	const chance = (run: WirePatchedRun, text: string) =>
		run.top.find(({ token }) => token.text === text)?.probability ?? null;
	const tokens = [...a.top, ...b.top].filter(
		({ token }, i, every) => every.findIndex((other) => other.token.text === token.text) === i,
	);
	const names = ["", `run ${a.number}`, `run ${b.number}`, "difference"];
	const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
	const body = [
		line("share restored", a.share, b.share),
		line(metricName(grid), a.raw, b.raw),
		...tokens.map(({ token }) =>
			line(tokenNode(token, 16), chance(a, token.text), chance(b, token.text)),
		),
	];
	const table = h("table", {}, h("thead", {}, head), h("tbody", {}, ...body));
	return [h("div", { class: "iw-pt-compare" }, table)];
}

/** The history, tab-separated. */
export function runsAsTsv({ patches }: State): string {
	const names = ["run", "what", "share", "low", "high", "metric", "control_low", "control_high"];
	const rows = patches.runs.map((run) => [
		...[run.number, run.words, run.share, run.low ?? "", run.high ?? "", run.raw],
		...[run.control?.low ?? "", run.control?.high ?? ""],
		...run.top.map(({ token, probability }) => `${spelled(token).slice(1, -1)} ${probability}`),
	]);
	return [names, ...rows].map((row) => row.join("\t")).join("\n");
}
