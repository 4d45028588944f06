import type { HeadBoardKept, Links } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, memo } from "../../shared/dom";
import { plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import type { Numbers } from "./numbers";
import type { Acts, Scene } from "./scene";
import {
	type Change,
	chosenHead,
	orderOf,
	PAGE,
	pageOf,
	type State,
	toggled,
	withHead,
} from "./state";
import { makeHeads } from "./table";

const UNMEASURED = 720;

/** What the view works on. */
export interface Base {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	numbers: Numbers;
	set(change: Change): void;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: HeadBoardKept): void;
}

/** What the second part of the view's code works on. */
export interface Core extends Base {
	acts: Acts;
	chrome: Chrome;
	heads: ReturnType<typeof makeHeads>;
	side: HTMLElement;
	composition: HTMLElement;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	draw(state: State, scene: Scene | null): void;
}

export function makeView(base: Base, onMore: () => void) {
	const { root, life, numbers, set, ask, state: now } = base;
	let tools: Tools | null = null;
	const acts: Acts = {
		set,
		head: (head, add) => set(withHead(now(), head, add)),
		async tick(head) {
			const wanted = toggled(now(), head);
			set({ wanted });
			const heads = wanted.map((one) => [...one]);
			const answer = wanted.length
				? await ask("ablate", { heads, mode: now().mode })
				: await ask("undo");
			if (!answer.ok && now().wanted === wanted) set({ wanted: null });
		},
	};
	const chrome = makeChrome(root, life, onMore);
	const heads = makeHeads(life, acts);
	const side = div("hb-side");
	const composition = div("hb-composition");
	chrome.figure.append(div("hb", heads.node, side, composition));
	const onOrder = memo();
	const onPage = memo();
	let order: readonly number[] = [];
	let rows: readonly number[] = [];
	const redraw = () => draw(now());
	root.dataset.theme = currentTheme(root);
	let measured = root.clientWidth;
	life.resized(root, () => {
		if (root.clientWidth !== measured) redraw();
		measured = root.clientWidth;
	});

	function sceneOf(state: State): Scene | null {
		const { payload, sort, ascending, only, beyond } = state;
		if (!payload) return null;
		onOrder([payload, sort, ascending, only, beyond], () => {
			order = orderOf(state, numbers);
		});
		const page = pageOf(state, order);
		onPage([order, page], () => {
			rows = order.slice(page * PAGE, (page + 1) * PAGE);
		});
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		const width = root.clientWidth || UNMEASURED;
		return { state, payload, numbers, theme, width, order, rows, head: chosenHead(state, order) };
	}

	function draw(state: State): void {
		const scene = sceneOf(state);
		const { payload, status, panelOpen, links, offline } = state;
		if (scene) heads.draw(scene);
		chrome.update({
			title: "Heads",
			sub: payload ? subtitle(payload) : "",
			notes: [links.warning].filter(Boolean),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(state, scene);
		Object.assign(root.dataset, { run: payload?.run ?? "", painted: 1 });
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...base, acts, chrome, heads, side, composition, redraw });
			tools.changed(now());
			redraw();
		},
	};
}

function subtitle(payload: NonNullable<State["payload"]>): string {
	const size = `${plural(payload.layers.length, "layer")} × ${plural(payload.heads, "head")}`;
	return [size, payload.target && `logit of ${payload.target}`].filter(Boolean).join(" · ");
}
