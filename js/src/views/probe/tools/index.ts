import { memo } from "../../../shared/dom";
import { drawStatus } from "../../../shared/status";
import { watchTheme } from "../../../shared/watch";
import type { State } from "../state";
import type { Core, Tools } from "../view";
import { makeConfusion } from "./confusion";
import { makeHeat } from "./heat";
import { makePanel } from "./panel";
import { makePlots } from "./plots";
import { makeTable } from "./table";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first curve does not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, ask, redraw, state, dispatch, keep } = core;
	const onStatus = memo();
	const drawPanel = makePanel(core);
	const drawPlots = makePlots(core);
	const drawConfusion = makeConfusion(core);
	const drawHeat = makeHeat(core);
	const drawTable = makeTable(core);
	let told = JSON.stringify(state().kept);
	root.dataset.tools = "1";
	watchTheme(root, life, redraw);
	life.resized(root, redraw);
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		if (one && one.ariaDisabled !== "true") void ask(one.dataset.act ?? "");
	});
	life.on(root, "keydown", (event) => {
		const typing = event.ctrlKey || event.metaKey || event.altKey;
		if ((event.key === "t" || event.key === "T") && !typing)
			dispatch({ type: "kept", kept: { table_open: !state().kept.table_open } });
	});

	return {
		/** Tells Python what a re-run keeps. */
		changed({ kept }) {
			const now = JSON.stringify(kept);
			if (now === told) return;
			told = now;
			keep(kept);
		},
		draw(now: State) {
			const { payload, status } = now;
			const drawn = payload !== null;
			onStatus([JSON.stringify(status), drawn], () => drawStatus(chrome, status, drawn));
			drawPanel(now);
			if (!payload) return;
			chrome.caption.replaceChildren(captionOf(payload.facts, payload.task));
			drawPlots(now, payload);
			drawConfusion(now, payload);
			drawHeat(now, payload);
			drawTable(now, payload);
		},
	};
}

const captionOf = (facts: readonly string[], task: string): string =>
	[
		...facts,
		task === "regression" ? "" : "A score above the threshold is taken for the class.",
		"Underlined: the token that the probe reads; at others its direction says what it says there.",
		"The best layer is best on these same texts: report it on others.",
	]
		.filter(Boolean)
		.join(" ");
