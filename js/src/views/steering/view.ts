import type { Links, SteeringKept } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h } from "../../shared/dom";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import { makeSliders } from "./sliders";
import type { Action, State } from "./state";
import { makeTexts } from "./texts";

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
	keep(kept: SteeringKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	sliders: ReturnType<typeof makeSliders>;
	texts: ReturnType<typeof makeTexts>;
	/** Over the sliders, and below the texts. */
	chart: HTMLElement;
	facts: HTMLElement;
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
	const { root, life, state: now } = base;
	let tools: Tools | null = null;
	const chrome = makeChrome(root, life, onMore);
	const sliders = makeSliders(base);
	const texts = makeTexts(base);
	const chart = div("st-chart");
	const facts = div("st-facts");
	const table = h("div");
	const left = div("st-left", chart, sliders.node);
	chrome.figure.append(div("st", left, div("st-right", texts.node, facts)), table);
	root.dataset.theme = currentTheme(root);
	const redraw = () => draw(now());

	function draw(state: State): void {
		const { payload, status, panelOpen, links, lost, offline } = state;
		if (payload) {
			sliders.draw(state, payload);
			texts.draw(state, payload);
		}
		const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
		chrome.update({
			title: "Steering",
			sub: "",
			notes: [links.warning, gone && `selected token ${gone} is not in this text`].filter(Boolean),
			...{ status, drawn: payload !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved texts")
				: "",
		});
		chrome.you.textContent = payload?.words === "nothing changed" ? "" : (payload?.words ?? "");
		tools?.draw(state);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", turn: payload?.turn ?? "", painted: 1 },
			written: payload?.written ?? "",
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, sliders, texts, chart, facts, table, redraw });
			tools.changed(now());
			redraw();
		},
	};
}
