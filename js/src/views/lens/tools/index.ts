import type { LensPayload } from "../../../contract.gen";
import { memo, set } from "../../../shared/dom";
import { makePromptPicker } from "../../../shared/prompts";
import { drawStatus } from "../../../shared/status";
import { spelled } from "../../../shared/tokens";
import { watchTheme } from "../../../shared/watch";
import type { Scene } from "../scene";
import type { Core, Tools } from "../view";
import { makeChart } from "./chart";
import { coloursOf } from "./colours";
import { edit } from "./editing";
import { captionOf, gridLabel, readoutOf } from "./facts";
import { makeFetch } from "./fetch";
import { fill } from "./filling";
import { makeKeep } from "./keep";
import { listenKeys } from "./keys";
import { makePanel, makeTools as makeSwitch } from "./panel";
import { makePopover } from "./popover";
import { makeTable } from "./table";
import { saidOf, scaleOf } from "./words";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, grid, scale, readout, store, ask, redraw } = core;
	const onStatus = memo();
	const onScale = memo();
	const onLabel = memo();
	const onReadout = memo();
	const onCursor = memo();
	const keep = makeKeep(core);
	const fetch = makeFetch(core);
	const drawPrompts = makePromptPicker(core, "prompt");
	const drawSwitch = makeSwitch(core);
	const drawChart = makeChart(core);
	const drawPopover = makePopover(core);
	const drawTable = makeTable(core);
	let scene: Scene | null = null;
	let filled: LensPayload | null = null;
	const drawPanel = makePanel(core, () => scene);
	listenKeys(core);
	root.dataset.tools = "1";
	// JupyterLab would take it as "all cells up to here".
	life.on(root, "mousedown", (event) => event.shiftKey && event.preventDefault());
	watchTheme(root, life, redraw);
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		if (one && one.ariaDisabled !== "true") void ask(one.dataset.act ?? "");
	});
	life.on(root, "pointerover", ({ target }) => {
		const token = target instanceof Element && target.closest<HTMLElement>(".iw-tok[title]");
		if (!token || token.dataset.spelled) return;
		token.dataset.spelled = "1";
		token.title = spelled({ text: token.title });
	});

	return {
		edit,
		colours: coloursOf,
		said: saidOf,
		changed(now) {
			if (now.payload && now.payload !== filled) fill(store, now.payload);
			filled = now.payload;
			keep(now);
			fetch(now);
		},
		draw(now, next, layout) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			chrome.you.textContent = now.payload?.stamp.intervened ?? "";
			drawPrompts(now.payload);
			drawPanel(now);
			if (!next || !layout) return;
			drawSwitch(next, layout);
			onScale([next.grid], () => scale.replaceChildren(scaleOf(next)));
			const series = drawChart(next, layout);
			chrome.caption.replaceChildren(...captionOf(next, series, layout));
			onReadout([next.grid, now.hover], () => readout.replaceChildren(...readoutOf(next)));
			onLabel([next.grid, now.cursor, now.tokens, now.layer], () =>
				set(grid.box, { "aria-label": gridLabel(next) }),
			);
			drawPopover(next, layout);
			onCursor([now.cursor], () => now.cursor && grid.reveal(now.cursor[1]));
			drawTable(next);
		},
	};
}
