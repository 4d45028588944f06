import { isDisabled, memo, set } from "../../../shared/dom";
import { changesOf } from "../../../shared/effect";
import { makePromptPicker } from "../../../shared/prompts";
import { drawStatus } from "../../../shared/status";
import { watchTheme } from "../../../shared/watch";
import type { Scene } from "../scene";
import type { Core, Tools } from "../view";
import { makeAbove } from "./above";
import { makeBelow } from "./below";
import { makeComposition } from "./composition";
import { captionOf, tableLabel } from "./facts";
import { makeFetch } from "./fetch";
import { makeKeep } from "./keep";
import { listenKeys } from "./keys";
import { makePanel } from "./panel";
import { makeSide } from "./side";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, heads, ask, redraw } = core;
	const onStatus = memo();
	const onChanges = memo();
	const keep = makeKeep(core);
	const fetch = makeFetch(core);
	const drawPrompts = makePromptPicker(core, "prompt");
	const drawAbove = makeAbove(core);
	const drawBelow = makeBelow(core);
	const drawSide = makeSide(core);
	const drawComposition = makeComposition(core);
	let scene: Scene | null = null;
	const drawPanel = makePanel(core, () => scene);
	if (root.closest("[data-iw-key]")) core.set({ offline: true }); // a page without a kernel
	listenKeys(core, () => scene);
	root.dataset.tools = "1";
	// JupyterLab would take it as "all cells up to here".
	life.on(root, "mousedown", (event) => event.shiftKey && event.preventDefault());
	watchTheme(root, life, redraw);
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		if (one && !isDisabled(one)) void ask(one.dataset.act ?? "");
	});

	return {
		changed(now) {
			keep(now);
			fetch(now);
		},
		draw(now, next) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			onChanges([now.payload, now.offline], () => chrome.you.replaceChildren(...changesOf(now)));
			drawPrompts(now.payload);
			drawPanel(now);
			if (!scene) return;
			chrome.caption.replaceChildren(...captionOf(scene));
			set(heads.box, { "aria-label": tableLabel(scene) });
			drawAbove(scene);
			drawBelow(scene);
			drawSide(scene);
			drawComposition(scene);
		},
	};
}
