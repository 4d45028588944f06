import type { Links, TokensKept, TokensPayload } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h, memo } from "../../shared/dom";
import { plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import type { Rows } from "./rows";
import { type Dispatch, number, type Scene } from "./scene";
import { chosenRow, rowCount, rowName, type State } from "./state";
import { makeText, stackedRows } from "./text";

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	rows: Rows;
	dispatch: Dispatch;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: TokensKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	chrome: Chrome;
	text: ReturnType<typeof makeText>;
	pickers: HTMLElement;
	readout: HTMLElement;
	table: HTMLElement;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	draw(state: State, scene: Scene | null): void;
}

const READOUT_PIXELS = 72;
const GUESS_PIXELS = 20;

export function makeView(base: Base, onMore: () => void) {
	const { root, life, rows, dispatch, state: now } = base;
	let tools: Tools | null = null;
	const chrome = makeChrome(root, life, onMore);
	const text = makeText(life, dispatch);
	const pickers = div("tx-pickers");
	const readout = div("tx-read");
	const table = h("div");
	const ramp = div("tx-scale");
	const onScale = memo();
	const onPayload = memo();
	let absent: ReadonlySet<number> = new Set();
	const columns = div("tx-cols", text.node, readout);
	chrome.figure.append(div("tx-top", pickers, ramp), columns, table);
	root.dataset.theme = currentTheme(root);
	const redraw = () => draw(now());

	function sceneOf(state: State): Scene | null {
		const { payload } = state;
		if (!payload) return null;
		onPayload([payload], () => {
			absent = new Set(payload.absent);
			// before its words come, so that nothing moves when they do
			readout.style.minHeight = `${READOUT_PIXELS + GUESS_PIXELS * (payload.expected?.k ?? 0)}px`;
		});
		const row = chosenRow(state);
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		return { state, payload, theme, rows, row, values: rows.get(row), absent };
	}

	function draw(state: State): void {
		const scene = sceneOf(state);
		const { payload, status, panelOpen, links, lost, offline } = state;
		if (scene) {
			onScale([scene.payload], () => ramp.replaceChildren(scaleOf(scene.payload)));
			text.draw(scene);
		}
		const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
		chrome.update({
			title: payload?.title ?? "Tokens",
			sub: scene ? subtitle(scene) : "",
			notes: [links.warning, gone && `selected token ${gone} is not in this text`].filter(Boolean),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(state, scene);
		Object.assign(root.dataset, {
			...{ run: payload?.run ?? "", t: payload?.tokens.length ?? "", painted: 1 },
		});
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, chrome, text, pickers, readout, table, redraw });
			tools.changed(now());
			redraw();
		},
	};
}

/** The ramp with its ends; what has both signs has its zero in the middle. */
function scaleOf(payload: TokensPayload): Node {
	const [low, high] = payload.scale;
	const both = payload.signed && low < 0;
	const bar = h("i", { class: both ? "iw-ramp iw-both" : "iw-ramp" });
	const what = payload.unit || payload.title.toLowerCase();
	return h(
		"span",
		{ class: "iw-leg" },
		number(payload, low),
		bar,
		`${number(payload, high)} ${what}`,
	);
}

function subtitle(scene: Scene): string {
	const { payload, row } = scene;
	const named = rowCount(payload) > 1 && !stackedRows(scene).length;
	const size = plural(payload.tokens.length, "token");
	return [payload.prompt_label, named && rowName(payload, row), size].filter(Boolean).join(" · ");
}
