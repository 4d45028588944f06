import { memo } from "../../../shared/dom";
import { drawStatus } from "../../../shared/status";
import { spelled } from "../../../shared/tokens";
import { watchTheme } from "../../../shared/watch";
import type { Core, Scene, Tools } from "../view";
import { makeChoices } from "./choices";
import { captionOf } from "./facts";
import { makeKeep } from "./keep";
import { makePanel } from "./panel";
import { makeReadout } from "./readout";
import { makeTable } from "./table";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, ask, dispatch, redraw } = core;
	const onStatus = memo();
	const keep = makeKeep(core);
	const drawChoices = makeChoices(core);
	const drawReadout = makeReadout(core);
	const drawTable = makeTable(core);
	let scene: Scene | null = null;
	const drawPanel = makePanel(core, () => scene);
	root.dataset.tools = "1";
	watchTheme(root, life, redraw);
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		if (one && one.ariaDisabled !== "true") void ask(one.dataset.act ?? "");
	});
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key.toLowerCase() === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (event.key === "Escape") dispatch({ type: "escape" });
		else return;
		event.stopPropagation();
	});
	life.on(root, "pointerover", ({ target }) => {
		const token = target instanceof Element && target.closest<HTMLElement>(".iw-tok[title]");
		if (!token || token.dataset.spelled) return;
		token.dataset.spelled = "1";
		token.title = spelled({ text: token.title });
	});

	return {
		changed: keep,
		draw(now, next) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			chrome.you.textContent = now.payload?.stamp.intervened ?? "";
			drawChoices(now, scene);
			drawPanel(now);
			if (!scene) return;
			chrome.caption.replaceChildren(...captionOf(scene));
			drawReadout(scene);
			drawTable(scene);
		},
	};
}
