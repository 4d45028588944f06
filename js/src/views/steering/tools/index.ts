import { memo } from "../../../shared/dom";
import { act, drawStatus } from "../../../shared/status";
import { watchTheme } from "../../../shared/watch";
import type { State } from "../state";
import type { Core, Tools } from "../view";
import { makeChart } from "./chart";
import { captionOf, makeFacts } from "./facts";
import { makeKeep } from "./keep";
import { makePanel } from "./panel";
import { makeTable } from "./table";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its sliders do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, ask, redraw, state, dispatch } = core;
	const onStatus = memo();
	const keep = makeKeep(core);
	const drawChart = makeChart(core);
	const drawFacts = makeFacts(core);
	const drawTable = makeTable(core);
	const drawPanel = makePanel(core);
	const stop = act("stop", "stop");
	const again = act("resample", "");
	chrome.tools.append(again, stop);
	root.dataset.tools = "1";
	watchTheme(root, life, redraw);
	life.resized(root, redraw);
	life.on(again, "click", (event) => {
		event.stopPropagation();
		const seed = (state().setting ?? state().payload?.writing)?.seed ?? 0;
		dispatch({ type: "set", change: { seed: seed + 1 } });
	});
	life.on(root, "click", ({ target }) => {
		const one = target instanceof Element && target.closest<HTMLElement>("[data-act]");
		const kind = one && one.ariaDisabled !== "true" ? (one.dataset.act ?? "") : "";
		if (!one || !kind) return;
		const [what, side] = kind.split("-") as [string, string?];
		void ask(what, side ? { side } : what === "dose" ? { dial: Number(one.dataset.dial) } : {});
	});
	life.on(root, "keydown", (event) => {
		const typing = event.ctrlKey || event.metaKey || event.altKey;
		if (event.key === "Escape" && state().status.kind === "running") void ask("stop");
		if ((event.key === "t" || event.key === "T") && !typing)
			dispatch({ type: "toggle", what: "tableOpen" });
	});

	return {
		changed: keep,
		draw(now: State) {
			const drawn = now.payload !== null;
			onStatus([JSON.stringify(now.status), drawn], () => drawStatus(chrome, now.status, drawn));
			const running = now.status.kind === "running";
			stop.hidden = !running;
			const heat = (now.setting ?? now.payload?.writing)?.temperature ?? 0;
			again.hidden = !heat || now.offline;
			drawPanel(now);
			if (!now.payload) return;
			chrome.caption.replaceChildren(...captionOf(now.payload));
			drawChart(now, now.payload);
			drawFacts(now, now.payload);
			drawTable(now, now.payload);
		},
	};
}
