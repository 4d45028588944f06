import type { Links, PatchingKept, WirePatchGrid } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h, memo } from "../../shared/dom";
import { plural } from "../../shared/format";
import { type Grid, makeGrid } from "../../shared/grid";
import type { At, GridData, GridMarks } from "../../shared/grid/types";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme, type Theme } from "../../shared/theme";
import { baseData, baseMarks, type Dispatch, flipped, type Scene, valuesOf } from "./scene";
import { gridOf, type State } from "./state";

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	dispatch: Dispatch;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: PatchingKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	grid: Grid;
	/** Around the grid, for pop-overs. */
	box: HTMLElement;
	strip: HTMLElement;
	scale: HTMLElement;
	runs: HTMLElement;
	table: HTMLElement;
	/** A cell was chosen: selects it, or patches it. */
	press(at: At): void;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	draw(state: State, scene: Scene | null): void;
	press(at: At): void;
	move(by: At): void;
	/** The grid with its numbers, and all of its marks. */
	data(scene: Scene): GridData;
	marks(scene: Scene): GridMarks;
}

export function makeView(base: Base, onMore: () => void) {
	const { root, life, dispatch, state: now } = base;
	let tools: Tools | null = null;
	let shown: Scene | null = null;
	const chrome = makeChrome(root, life, onMore);
	const dataAt = (at: At): At => (shown ? flipped(shown.grid, at) : at);
	const press = (at: At) => (tools ? tools.press(at) : dispatch({ type: "press", at }));
	const grid = makeGrid(life, {
		hover: (at) => dispatch({ type: "hover", at: at && dataAt(at) }),
		press: (at) => press(dataAt(at)),
		move: (by) => tools?.move(by),
	});
	grid.box.classList.add("iw-pt-grid");
	const strip = div("pt-strip");
	const box = div("pt-box", grid.box);
	const scale = div("pt-scale");
	const runs = div("pt-runs");
	const table = h("div");
	chrome.figure.append(strip, box, scale);
	root.append(runs, table);
	root.dataset.theme = currentTheme(root);
	const onGrid = memo();
	let values: Float32Array = new Float32Array();
	let data: GridData;
	let drawnAt = 0;
	const redraw = () => draw(now());
	life.resized(root, () => root.clientWidth !== drawnAt && redraw());

	function sceneOf(state: State): Scene | null {
		const of = gridOf(state);
		if (!of || !state.payload) return null;
		const theme: Theme = root.dataset.theme === "dark" ? "dark" : "light";
		const index = state.payload.grids.indexOf(of);
		const base = { state, grid: of, index, theme, words: false, flat: false };
		onGrid([of], () => {
			values = valuesOf(of);
			data = baseData({ ...base, values });
		});
		return { ...base, values };
	}

	function draw(state: State): void {
		const { payload, status, panelOpen, links, lost, offline, patches } = state;
		const scene = sceneOf(state);
		shown = scene;
		drawnAt = root.clientWidth;
		if (scene) {
			const [all, marks] = tools
				? [tools.data(scene), tools.marks(scene)]
				: [data, baseMarks(scene)];
			const layout = grid.draw(all, marks, drawnAt || 640, scene.theme);
			scene.words = layout.words;
			scene.flat = layout.names === "flat";
			scale.style.marginLeft = `${layout.gutter}px`;
		}
		const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
		const missing = scene?.grid.by === "position" && gone;
		const notes = [
			links.warning,
			missing ? `selected token ${gone} is not in this prompt` : "",
			patches.note && `✕ ${patches.note}`,
		];
		chrome.update({
			title: scene?.grid.exact === false ? "Attribution patching" : "Activation patching",
			sub: scene ? subtitle(scene.grid, drawnAt) : "",
			notes: notes.filter(Boolean),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: scene ? stampOf(scene, offline) : "",
		});
		tools?.draw(state, scene);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", site: scene?.grid.name ?? "", painted: 1 },
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, grid, box, strip, scale, runs, table, press, redraw });
			tools.changed(now());
			redraw();
		},
	};
}

/** Both directions are said: they answer other questions. */
function subtitle({ what, by, direction }: WirePatchGrid, width: number): string {
	const short = width >= 900 ? what : what.replace(/ (of|before|after) each layer/, "");
	return `${short}${by === "head" ? "" : ", one position at a time"} · ${direction}`;
}

function stampOf({ grid, state }: Scene, offline: boolean): string {
	const pairs = `${plural(grid.n, "prompt pair")}${grid.n > 1 ? ", mean" : ""}`;
	const note = [pairs, grid.stamp.note].filter(Boolean).join(" · ");
	const run = state.payload?.run ?? 0;
	return stampLine({ ...grid.stamp, note }, run, offline && "no kernel: saved numbers");
}
