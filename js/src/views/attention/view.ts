import type { Kept, Links } from "../../contract.gen";
import { type Chrome, makeChrome, stampLine } from "../../shared/chrome";
import { div, h, memo } from "../../shared/dom";
import { plural } from "../../shared/format";
import type { Life } from "../../shared/life";
import { type Ink, ink } from "../../shared/pixels";
import type { Answer, Rpc } from "../../shared/rpc";
import { currentTheme } from "../../shared/theme";
import type { Heads } from "./heads";
import { MULTIPLES_MOST } from "./layout";
import { type Drawn, makeMap } from "./map";
import type { Acts, Scene } from "./scene";
import { chosenQuery, drawnHeads, type HeadId, pickHead, pickToken, type State } from "./state";
import { makeStrip } from "./strip";
import { makeThumbs, type Sorted } from "./thumbs";

const UNMEASURED = 720;

/** What the second part of the view's code works on. */
export interface Core {
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	heads: Heads;
	acts: Acts;
	state(): State;
	/** Asks Python; a failure is said in the view, too. */
	ask(kind: string, fields?: Record<string, unknown>): Promise<Answer>;
	/** Joins another group of the page. */
	setLinks(links: Links): void;
	keep(kept: Kept): void;
	chrome: Chrome;
	thumbs: ReturnType<typeof makeThumbs>;
	map: ReturnType<typeof makeMap>;
	strip: ReturnType<typeof makeStrip>;
	multiples: HTMLElement;
	table: HTMLElement;
	redraw(): void;
}

/** The second part of the view's code. */
export interface Tools {
	/** What follows from a new state outside of the page. */
	changed(state: State): void;
	/** The number that the last colour stands for. */
	top(state: State, heads: readonly HeadId[]): number;
	/** The thumbnails in another order than by layer. */
	sorted(state: State, width: number): Sorted | null;
	head(head: HeadId, event: MouseEvent): void;
	token(position: number, event: MouseEvent): void;
	draw(state: State, scene: Scene | null, drawn: Drawn | null): void;
}

export function makeView(
	at: Pick<Core, "root" | "life" | "rpc" | "heads" | "state" | "ask" | "setLinks" | "keep"> &
		Pick<Acts, "set">,
	onMore: () => void,
) {
	const { root, life, heads, state: now, set } = at;
	let tools: Tools | null = null;
	const acts: Acts = {
		set,
		head: (head, event) => (tools ? tools.head(head, event) : set(pickHead(now(), head))),
		token: (position, event) =>
			tools ? tools.token(position, event) : set(pickToken(now(), position)),
	};
	const chrome = makeChrome(root, life, onMore);
	const thumbs = makeThumbs(life, heads, acts);
	const map = makeMap(life, acts);
	const strip = makeStrip(life, acts);
	const multiples = div("multiples");
	const table = h("div");
	chrome.figure.append(div("pair", thumbs.node, map.node), multiples, strip.node, table);
	const onInk = memo();
	let colours: Ink = ink("light", 1);

	const redraw = () => draw(now());
	root.dataset.theme = currentTheme(root);
	let measured = root.clientWidth;
	life.resized(root, () => {
		if (root.clientWidth !== measured) redraw();
		measured = root.clientWidth;
	});

	function sceneOf(state: State): Scene | null {
		const { payload } = state;
		if (!payload) return null;
		const drawn = drawnHeads(state).slice(-MULTIPLES_MOST);
		const head = drawn.at(-1) ?? null;
		const full = head && heads.full(head);
		const top = tools?.top(state, drawn) ?? payload.scale;
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		onInk([theme, top, payload.signed], () => {
			colours = ink(theme, top, payload.signed);
		});
		return {
			...{ state, payload, heads: drawn, head, ink: colours },
			width: root.clientWidth || UNMEASURED,
			causal: payload.causal && !state.unmasked,
			query: chosenQuery(state),
			view: full ?? (head && heads.thumb(head)),
			coming: !full && state.fetch.get(String(head))?.phase !== "absent",
		};
	}

	function draw(state: State): void {
		const scene = sceneOf(state);
		const { payload, status, panelOpen, links, lost, offline } = state;
		if (scene) {
			thumbs.draw(scene, tools?.sorted(state, scene.width));
			map.draw(scene, map.node.clientWidth || scene.width);
			strip.draw(scene);
		}
		const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
		const { layers, heads, tokens } = payload ?? { layers: [], heads: [], tokens: [] };
		const grid = `${plural(layers.length, "layer")} × ${plural(heads.length, "head")}`;
		chrome.update({
			title: "Attention",
			sub: payload ? `${grid}, ${plural(tokens.length, "token")}` : "",
			notes: [links.warning, gone && `selected token ${gone} is not in this run`].filter(Boolean),
			...{ status, drawn: scene !== null, panelOpen },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(state, scene, map.drawn());
		Object.assign(root.dataset, { run: payload?.run ?? "", t: tokens.length, painted: 1 });
	}

	return {
		draw,
		changed: (state: State) => tools?.changed(state),
		/** Makes the view whole when the rest of its code has come. */
		use(make: (core: Core) => Tools) {
			tools = make({ ...at, acts, chrome, thumbs, map, strip, multiples, table, redraw });
			tools.changed(now());
			redraw();
		},
	};
}
