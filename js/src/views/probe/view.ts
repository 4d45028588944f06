import type { Links, ProbeKept } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h } from "../../shared/dom";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import { makeCurve } from "./chart";
import type { Action, State } from "./state";

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	dispatch(action: Action): void;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: object): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: ProbeKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	/** Beside the curve, and below all. */
	roc: HTMLElement;
	scores: HTMLElement;
	confusion: HTMLElement;
	heat: HTMLElement;
	table: HTMLElement;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	draw(state: State): void;
}

export function makeView(base: Base, onMore: () => void) {
	const { root, life, dispatch, state: now } = base;
	let tools: Tools | null = null;
	const chrome = makeChrome(root, life, onMore);
	const curve = makeCurve(life, dispatch, now);
	const [roc, scores] = [div("pb-roc"), div("pb-scores")];
	const [confusion, heat] = [div("pb-confusion"), div("pb-heat")];
	const table = h("div");
	chrome.figure.append(div("pb", curve.node, roc, scores, confusion), heat, table);
	root.dataset.theme = currentTheme(root);
	const redraw = () => draw(now());

	function draw(state: State): void {
		const { payload, status, kept, links, offline } = state;
		chrome.update({
			title: "Probe",
			sub: payload?.said ?? "",
			notes: [links.warning, status.kind === "live" ? status.message : ""].filter(Boolean),
			...{ status, drawn: payload !== null, panelOpen: kept.panel_open },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		if (payload) curve.draw(state, payload);
		tools?.draw(state);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", n: payload?.scored.length ?? "", painted: 1 },
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, roc, scores, confusion, heat, table, redraw });
			tools.changed(now());
			redraw();
		},
	};
}
