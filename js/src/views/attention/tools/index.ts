import { isDisabled, memo, set, word } from "../../../shared/dom";
import { changesOf } from "../../../shared/effect";
import { plural } from "../../../shared/format";
import { makePromptPicker } from "../../../shared/prompts";
import { drawStatus } from "../../../shared/status";
import { spelled, tokenText } from "../../../shared/tokens";
import { watchTheme } from "../../../shared/watch";
import { headName, type Scene } from "../scene";
import type { HeadId } from "../state";
import type { Core, Tools } from "../view";
import { makeAlignment } from "./alignment";
import { makeArcs } from "./arcs";
import { makeCells } from "./cells";
import { captionOf, subtitle } from "./facts";
import { makeFetch } from "./fetch";
import { listen } from "./gestures";
import { makeHeadNames } from "./heads";
import { makeKeep } from "./keep";
import { makeMultiples } from "./multiples";
import { makePanel } from "./panel";
import { topOf } from "./ramp";
import { makeReadout } from "./readout";
import { makeScores, sortedBy } from "./scores";
import { howOf, withHead, withToken } from "./selecting";
import { makeTable } from "./table";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, heads, acts, state, chrome, map, ask } = core;
	const onStatus = memo();
	const onChanges = memo();
	let scene: Scene | null = null;
	const keep = makeKeep(core);
	const fetch = makeFetch(core);
	const drawPicker = makePromptPicker(core, "prompt");
	const drawNames = makeHeadNames(core);
	const drawCells = makeCells(core);
	const drawReadout = makeReadout(core);
	const drawArcs = makeArcs(core);
	const drawTable = makeTable(core);
	const drawScores = makeScores(core);
	const drawMultiples = makeMultiples(core);
	const drawAlignment = makeAlignment(core);
	const drawPanel = makePanel(core, () => scene);
	if (root.closest("[data-iw-key]")) acts.set({ offline: true }); // a page without a kernel
	listen(core);
	root.dataset.tools = "1";
	// JupyterLab would take it as "all cells up to here".
	life.on(root, "mousedown", (event) => event.shiftKey && event.preventDefault());
	watchTheme(root, life, core.redraw);
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		if (one && !isDisabled(one)) void ask(one.dataset.act ?? "");
	});
	life.on(root, "pointerover", ({ target }) => {
		const token = target instanceof Element && target.closest<HTMLElement>(".iw-tok[title]");
		if (!token || token.dataset.spelled) return;
		token.dataset.spelled = "1";
		token.title = spelled({ text: token.title });
	});
	const whole = word("whole", { class: "iw-t iw-act" });
	map.line.append(whole);
	life.on(whole, "click", () => acts.set({ zoom: null }));

	return {
		changed(now) {
			keep(now);
			fetch(now);
		},
		top: (now, ids) => {
			// A thumbnail counts only where there will be nothing better.
			const thumb = (id: HeadId) =>
				now.fetch.get(String(id))?.phase === "absent" ? heads.thumb(id) : null;
			const views = ids.flatMap((id) => heads.full(id) ?? thumb(id) ?? []);
			return topOf(now, views);
		},
		sorted: sortedBy,
		head: (head, event) => acts.set(withHead(state(), head, howOf(event) !== "one")),
		token: (position, event) => acts.set(withToken(state(), position, howOf(event))),
		draw(now, next, onMap) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			onChanges([now.payload, now.offline], () => chrome.you.replaceChildren(...changesOf(now)));
			drawPicker(now.payload);
			if (!scene || !onMap) return;
			chrome.caption.replaceChildren(...captionOf(scene, onMap));
			map.what.textContent = subtitle(scene);
			whole.hidden = now.zoom === null;
			const waits = now.fetch.get(String(scene.head))?.phase === "waiting";
			map.box.classList.toggle("iw-busy", scene.coming && (scene.view?.pooled !== 1 || waits));
			set(map.box, { "aria-label": mapLabel(scene) });
			drawNames(scene);
			drawCells(onMap);
			drawReadout(onMap);
			drawArcs(scene);
			drawTable(scene);
			drawScores(scene);
			drawMultiples(scene);
			drawAlignment(scene);
			drawPanel(scene);
		},
	};
}

function mapLabel({ head, payload, query, state }: Scene): string {
	const token = payload.tokens[query];
	const key = state.hover[1] === null ? "" : `, key ${state.hover[1]}`;
	const size = `${plural(payload.tokens.length, "token")} square`;
	return `attention of ${head ? headName(head) : "no head"}, ${size}; query ${query} ${token ? tokenText(token) : ""}${key}`;
}
