import { toClipboard } from "../../../shared/clipboard";
import { choice, type Named, row, tick } from "../../../shared/controls";
import { word as act, h, set } from "../../../shared/dom";
import type { GridLayout } from "../../../shared/grid/layout";
import { pictureFiles } from "../../../shared/take";
import { tokenText } from "../../../shared/tokens";
import { type Scene, word } from "../scene";
import type { Measure, State } from "../state";
import type { Core } from "../view";
import { asTsv } from "./table";

const NAMES: readonly (readonly [Measure, string])[] = [
	["probability", "probability"],
	["rank", "rank"],
	["entropy", "entropy"],
	["kl", "KL"],
];
/** Those of them that stand in the title line. */
const QUICK = 3;

function measuresOf({ payload }: Scene): Named[] {
	const none = payload.targets.length === 0;
	return NAMES.map(([name, title]) => {
		const no = name === "rank" && none ? "follow a token first: click one of a cell’s" : "";
		return {
			name,
			title,
			why: name === "probability" && !payload.k && none ? "no tokens kept" : no,
		};
	});
}

/** The switch of the title line, and the tuned lens's tick. */
export function makeTools({ chrome, life, dispatch, ask, state }: Core) {
	const measure = choice(life, "colour by", (name) =>
		dispatch({ type: "measure", measure: name as Measure }),
	);
	const tuned = tick(life, "tuned lens", () => ask("tuned", { on: !state().payload?.tuned?.on }));
	const words = tick(life, "words", () => dispatch({ type: "toggle", what: "words" }));
	chrome.tools.append(measure.node, words.node, tuned.node);
	return (scene: Scene, layout: GridLayout): void => {
		const { payload, state: now } = scene;
		const names = measuresOf(scene);
		measure.show(scene.measure === "kl" ? names : names.slice(0, QUICK), scene.measure);
		tuned.node.hidden = !payload.tuned;
		words.node.hidden = payload.tuned !== null || (layout.words && !now.words);
		words.show(now.words, false, "cells wide enough for their words; the grid then scrolls");
		const can = now.status.can_rerun && !now.offline;
		tuned.show(payload.tuned?.on ?? false, !can, payload.tuned?.title);
	};
}

/** The ⋯ panel. */
export function makePanel(core: Core, scene: () => Scene | null): (state: State) => void {
	const { chrome, life, dispatch, ask, setLinks, state } = core;
	const measure = choice(life, "colour", (name) =>
		dispatch({ type: "measure", measure: name as Measure }),
	);
	const of = choice(life, "of", (name) =>
		dispatch({ type: "of", of: name === "" ? null : Number(name) }),
	);
	const ofRow = row("of", of.node);
	const words = tick(life, "words in cells", () => dispatch({ type: "toggle", what: "words" }));
	const table = act("table", { title: "the position as a table (T)" });
	const link = act("linked", { title: "share the selection with the other views" });
	const copy = act("copy values");
	const code = act("copy as code", { title: "the Python that makes this view" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("colour", measure.node),
		ofRow,
		row("view", words.node, table, link),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && asTsv(now));
	});
	life.on(code, "click", async () => {
		const answer = await ask("code");
		const text = answer.ok ? String(answer.body.code) : state().payload?.code;
		await toClipboard(code, life, text ?? null);
	});
	life.on(link, "click", async () => {
		const linked = state().links.group === "";
		const answer = await ask("link", { linked });
		if (!answer.ok && home) setLinks({ group: linked ? home : "", warning: "" });
	});
	return ({ links, tableOpen, payload, words: wide }) => {
		from.textContent = payload?.stamp.full ?? "";
		home = links.group || home;
		set(link, { "aria-pressed": String(links.group !== ""), hidden: !home });
		set(table, { "aria-pressed": String(tableOpen) });
		words.show(wide);
		const now = scene();
		if (!now) return;
		measure.show(measuresOf(now), now.measure);
		const tokens = now.payload.targets.map(({ id, text }) => ({
			...{ name: String(id), title: tokenText(word(text)) },
		}));
		const token = { name: "", title: "the token shown" };
		const ranked = now.measure === "rank";
		const chosen = now.payload.targets[now.target];
		of.show(ranked ? tokens : [token, ...tokens], chosen ? String(chosen.id) : "");
		ofRow.hidden = tokens.length === 0 || now.measure === "entropy" || now.measure === "kl";
	};
}
