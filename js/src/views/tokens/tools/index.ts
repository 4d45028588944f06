import { memo, set } from "../../../shared/dom";
import { makePromptPicker } from "../../../shared/prompts";
import { drawStatus } from "../../../shared/status";
import { spelled } from "../../../shared/tokens";
import { watchTheme } from "../../../shared/watch";
import type { Scene } from "../scene";
import type { Core, Tools } from "../view";
import { captionOf, textLabel } from "./facts";
import { makeFetch } from "./fetch";
import { makeKeep } from "./keep";
import { listenKeys } from "./keys";
import { makePanel } from "./panel";
import { makePickers } from "./pickers";
import { makeReadout } from "./readout";
import { makeTable } from "./table";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, text, ask, redraw } = core;
	const onStatus = memo();
	const onLabel = memo();
	const keep = makeKeep(core);
	const fetch = makeFetch(core);
	const drawPrompts = makePromptPicker(core, "text");
	const drawPickers = makePickers(core);
	const drawReadout = makeReadout(core);
	const drawTable = makeTable(core);
	let scene: Scene | null = null;
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
		changed(now) {
			keep(now);
			fetch(now);
		},
		draw(now, next) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			chrome.you.textContent = now.payload?.stamp.intervened ?? "";
			drawPrompts(scene?.payload ?? null);
			drawPanel(now);
			if (!scene) return;
			const of = scene;
			chrome.caption.replaceChildren(...captionOf(of));
			onLabel([now.payload, now.cursor, now.tokens, of.values], () =>
				set(text.node, { "aria-label": textLabel(of) }),
			);
			drawPickers(of);
			drawReadout(of);
			drawTable(of);
		},
	};
}
