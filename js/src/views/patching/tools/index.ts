import { toClipboard } from "../../../shared/clipboard";
import { memo, set } from "../../../shared/dom";
import type { At } from "../../../shared/grid/types";
import { drawStatus } from "../../../shared/status";
import { spelled } from "../../../shared/tokens";
import { watchTheme } from "../../../shared/watch";
import type { Scene } from "../scene";
import type { Core, Tools } from "../view";
import { makeData, marksOf, outputAt } from "./cells";
import { listenDrag } from "./drag";
import { captionOf, gridLabel } from "./facts";
import { makeHistory, runsAsTsv } from "./history";
import { makeKeep } from "./keep";
import { makePanel } from "./panel";
import { makePopover } from "./popover";
import { moved, stepBack } from "./steps";
import { makeStrip } from "./strip";
import { makeTable } from "./table";
import { makeScale, makeSites } from "./top";
import { action } from "./words";

declare const __BUILD__: string;
export const build = __BUILD__;

/** What a first picture and its clicks do not need. */
export default function makeTools(core: Core): Tools {
	const { root, life, chrome, grid, ask, dispatch, state, redraw } = core;
	const onStatus = memo();
	const onLabel = memo();
	const onCaption = memo();
	const keep = makeKeep(core);
	const drawPopover = makePopover(core);
	const drawStrip = makeStrip(core);
	const drawHistory = makeHistory(core);
	const drawTable = makeTable(core);
	const drawSites = makeSites(core);
	const drawScale = makeScale(core);
	const data = makeData();
	const isFocused = () => root.ownerDocument.activeElement === grid.box;
	let scene: Scene | null = null;
	const drawPanel = makePanel(core, () => scene);
	root.dataset.tools = "1";
	watchTheme(root, life, redraw);
	listenDrag(core, () => scene, patch);

	/** Patches one cell; a grid of heads patches all positions at once. */
	function patch(source: number | null, [row, column]: At): void {
		if (!scene) return;
		const { grid: of, index } = scene;
		const at = of.columns[column] ?? null;
		const byHead = of.by === "head";
		const place = byHead ? { pos: null, head: at } : { pos: at, head: null };
		const fields = { grid: index, layer: of.layers[row], source_pos: source, ...place };
		void ask("patch", fields);
		dispatch({ type: "set", change: { source: null } });
	}

	function press(at: At): void {
		const { source, patches } = state();
		if (source !== null) {
			patch(source, at);
			return;
		}
		dispatch({ type: "press", at });
		if (!scene || !patches.can_run || scene.grid.alone.includes(at[1])) return;
		if (outputAt(state(), scene.index, at)) return;
		if (scene.grid.by !== "neuron")
			void ask("cell", { grid: scene.index, row: at[0], column: at[1] });
	}

	/** Words that act: most ask Python for what they are named. */
	function act(on: HTMLElement): void {
		const fields = JSON.parse(on.dataset.with ?? "{}") as Record<string, unknown>;
		const name = on.dataset.do ?? "";
		const { open } = state();
		if (name === "copy-runs") void toClipboard(on, life, runsAsTsv(state()));
		else if (name === "add") open && patch(null, open);
		else void ask(name, fields);
	}

	life.on(root, "click", ({ target }) => {
		if (!(target instanceof Element)) return;
		const rerun = target.closest<HTMLElement>("[data-act]");
		const one = target.closest<HTMLElement>("[data-do]");
		if (one) act(one);
		else if (rerun && rerun.ariaDisabled !== "true") void ask(rerun.dataset.act ?? "");
	});
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === "Escape") {
			if (state().status.kind === "running") void ask("cancel");
			else stepBack(state(), dispatch);
		} else if (event.key.toLowerCase() === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (event.key === "Enter" && event.target === grid.box) press(state().cursor);
		else return;
		event.stopPropagation();
	});
	for (const type of ["focus", "blur"] as const) life.on(grid.box, type, redraw);
	life.on(root, "pointerover", ({ target }) => {
		const token = target instanceof Element && target.closest<HTMLElement>(".iw-tok[title]");
		if (!token || token.dataset.spelled) return;
		token.dataset.spelled = "1";
		token.title = spelled({ text: token.title });
	});

	return {
		changed: keep,
		press,
		data,
		marks: (of) => marksOf(of, isFocused()),
		move(by) {
			dispatch({ type: "set", change: moved(state(), by) });
			grid.reveal(state().cursor[1]);
		},
		draw(now, next) {
			scene = next;
			const drawn = scene !== null;
			onStatus([JSON.stringify(now.status), drawn, now.patches.can_run], () => {
				drawStatus(chrome, now.status, drawn);
				if (now.status.kind === "running" && now.patches.can_run)
					chrome.note.append(action("cancel", "cancel"));
			});
			drawPanel(now);
			if (!scene) return;
			const of = scene;
			onCaption([of.grid, now.patches.can_run, now.beyond, now.offline, of.words, of.flat], () =>
				chrome.caption.replaceChildren(...captionOf(of)),
			);
			onLabel([of.grid, now.cursor, now.source, now.patches], () =>
				set(grid.box, { "aria-label": gridLabel(of) }),
			);
			drawSites(of);
			drawScale(of);
			drawStrip(of);
			drawPopover(of);
			drawHistory(of);
			drawTable(of);
		},
	};
}
