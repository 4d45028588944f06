import type { LensKept, Links } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h, memo } from "../../shared/dom";
import { type Grid, makeGrid } from "../../shared/grid";
import type { GridLayout } from "../../shared/grid/layout";
import type { GridMarks } from "../../shared/grid/types";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import {
	type Bare,
	type Colours,
	type Dispatch,
	gridOf,
	isBeside,
	LINES,
	plainColours,
	type Scene,
} from "./scene";
import { type Edit, pinnedCells, rowOf, type State, selectedCells, shownMeasure } from "./state";
import type { Store } from "./store";

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	store: Store;
	dispatch: Dispatch;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: LensKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	grid: Grid;
	/** Around the grid: where a pop-over stands. */
	place: HTMLElement;
	lines: HTMLElement;
	scale: HTMLElement;
	readout: HTMLElement;
	table: HTMLElement;
	redraw(): void;
}

export interface Tools {
	changed(state: State): void;
	draw(state: State, scene: Scene | null, layout: GridLayout | null): void;
	edit(state: State, action: Edit): State;
	colours(scene: Bare): Colours;
	/** What stands in the title line and before the figure. */
	said(state: State, scene: Scene | null): { sub: string; notes: string[] };
}

export function makeView(base: Base, onMore: () => void) {
	const { root, life, store, dispatch, state: now } = base;
	let tools: Tools | null = null;
	const chrome = makeChrome(root, life, onMore);
	const grid = makeGrid(life, {
		hover: (at) => dispatch({ type: "hover", at }),
		press: (at, event) =>
			dispatch({ type: event.ctrlKey || event.metaKey || event.shiftKey ? "pin" : "press", at }),
		move: (by) => dispatch({ type: "move", by }),
		name: (kind, index) => dispatch({ type: "name", kind, index }),
	});
	const place = div("ln-place", grid.box);
	const lines = div("ln-lines");
	const readout = div("ln-read");
	const scale = div("ln-scale");
	const table = h("div");
	const columns = div("ln-cols", place, lines);
	chrome.figure.append(columns, div("ln-under", scale, readout), table);
	root.dataset.theme = currentTheme(root);
	const redraw = () => draw(now());
	life.resized(root, () => {
		if (root.clientWidth !== drawnWidth) redraw();
	});
	const onGrid = memo();
	let made: ReturnType<typeof gridOf>;
	let drawnWidth = 0;

	function sceneOf(state: State): Scene | null {
		const { payload } = state;
		if (!payload) return null;
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		const width = chrome.figure.clientWidth;
		const scene = { ...({ state, payload, store, theme, width } as const), ...shownMeasure(state) };
		const { measure, target } = scene;
		onGrid([payload, store.version, measure, target, state.words, tools], () => {
			made = gridOf(scene, (tools?.colours ?? plainColours)(scene));
		});
		return { ...scene, ...made, beside: isBeside(scene) };
	}

	function drawGrid(scene: Scene): GridLayout {
		const { width, beside, theme } = scene;
		columns.classList.toggle("iw-ln-beside", beside);
		return grid.draw(scene.grid, marksOf(scene.state), width - (beside ? LINES : 0), theme);
	}

	function draw(state: State): void {
		drawnWidth = root.clientWidth;
		chrome.figure.hidden = !state.payload; // its width is asked for
		const scene = sceneOf(state);
		const { payload, status, panelOpen, offline } = state;
		const layout = scene && drawGrid(scene);
		chrome.update({
			title: payload?.tuned?.on ? "Tuned lens" : "Logit lens",
			...(tools?.said(state, scene) ?? { sub: " ", notes: [] }),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(state, scene, layout);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", t: payload?.tokens.length ?? "", painted: 1 },
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		edit: (state: State, action: Edit) => tools?.edit(state, action) ?? state,
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, grid, place, lines, scale, readout, table, redraw });
			tools.changed(now());
			redraw();
		},
	};
}

/** Which rows, columns and cells are marked. */
function marksOf(state: State): GridMarks {
	const { payload, layer, tokens, cursor, hover } = state;
	const selected = selectedCells(state);
	const row = payload ? rowOf(payload, layer) : -1;
	return {
		selected,
		rows: row < 0 ? [] : [row],
		columns: selected.length ? [] : tokens,
		pins: pinnedCells(state),
		cursor,
		hover,
	};
}
