import { word as act, h, isDisabled, memo, set } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import type { GridLayout } from "../../../shared/grid/layout";
import { tokenNode } from "../../../shared/tokens";
import { type Scene, word } from "../scene";
import { layerOf, pinnedCells, selectedCells } from "../state";
import type { Core } from "../view";
import { number } from "./words";

const SHOWN = 5;
const WIDTH = 252;
const GAP = 8;

/** The selected cell's predictions; a click on a token follows it through the layers. */
export function makePopover({ place, grid, life, dispatch, ask }: Core) {
	const node = h("div", { class: "iw-pop iw-ln-pop", role: "group", hidden: true });
	place.append(node);
	const onCell = memo();
	life.on(node, "click", ({ target }) => {
		const hit = target instanceof Element && target.closest<HTMLElement>("[data-token],[data-do]");
		if (!hit || isDisabled(hit)) return;
		if (hit.dataset.do === "pin") dispatch({ type: "pin" });
		else if (hit.dataset.do === "close") dispatch({ type: "escape" });
		else void ask("track", { token: Number(hit.dataset.token), on: hit.dataset.on === undefined });
	});
	let stay: (() => void) | null = null;
	// A scroll of the cells alone: it does not bubble.
	life.on(place, "scroll", () => stay?.(), { capture: true });
	return (scene: Scene, layout: GridLayout) => {
		const { state, payload, store } = scene;
		const cell = state.open ? selectedCells(state).at(-1) : undefined;
		node.hidden = !cell;
		stay = null;
		if (!cell) return;
		const [row, column] = cell;
		const pins = pinnedCells(state);
		onCell([payload, store.version, row, column, state.pins, state.offline, state.fetch], () => {
			const at = payload.layers.length - 1 - row;
			const label = `predictions of layer ${layerOf(payload, row)} at position ${column}`;
			set(node, { "aria-label": label });
			const pin = pins.findIndex((one) => String(one) === String(cell));
			node.replaceChildren(
				headOf(scene, row, column, at),
				...rowsOf(scene, column, at),
				footOf(pin),
			);
		});
		stay = () => {
			const box = grid.boxOf(cell);
			if (box) stand(node, box, layout, place.clientWidth);
		};
		stay();
	};
}

function headOf(scene: Scene, row: number, column: number, at: number): Node {
	const { payload, store } = scene;
	const entropy = store.map("entropy")?.[at * payload.tokens.length + column];
	const nats = entropy === undefined ? "" : `${number("entropy", entropy)} nats`;
	const name = h("b", {}, `L${layerOf(payload, row)}, position ${column}`);
	const title = "entropy of the whole distribution";
	return h("div", { class: "iw-ln-head" }, name, h("span", { class: "iw-dim", title }, nats));
}

interface Guess {
	id: number;
	rank: number;
	probability: number;
}

/** The best tokens, then those that are followed and not among them. */
function guessesOf({ payload, store }: Scene, column: number, at: number): Guess[] {
	const { k, targets } = payload;
	const of = store.columns.get(column);
	if (!of) return [];
	const best = of.ids
		.slice(at * k, at * k + Math.min(k, SHOWN))
		.map(
			(id, i): Guess => ({ id, rank: i + 1, probability: Math.exp(of.logprob[at * k + i] ?? 0) }),
		);
	const followed = targets.map(({ id }, i): Guess => {
		const cell = at * targets.length + i;
		const rank = (of.targetRank[cell] ?? -1) + 1;
		return { id, rank, probability: Math.exp(of.targetLogprob[cell] ?? 0) };
	});
	const others = followed.filter(({ id }) => !best.some((one) => one.id === id));
	return [...best, ...others].filter(({ id, rank }) => id >= 0 && rank > 0);
}

function rowsOf(scene: Scene, column: number, at: number): Node[] {
	const { payload, store, state } = scene;
	if (!store.columns.has(column)) {
		const said = state.fetch || "loading";
		return [h("div", { class: "iw-leg-what" }, said)];
	}
	const guesses = guessesOf(scene, column, at);
	if (!guesses.length) return [h("div", { class: "iw-leg-what" }, "nothing was read here")];
	const most = guesses.reduce((a, { probability }) => Math.max(a, probability), 0) || 1;
	const can = state.status.can_rerun && !state.offline;
	const rows = guesses.map(({ id, rank, probability }) => {
		const on = payload.targets.some((target) => target.id === id);
		const what = on ? "stop following it" : "follow it through the layers: one more run";
		const attrs = {
			...{ class: "iw-t iw-ln-guess", "data-token": id, "data-on": on, "aria-pressed": String(on) },
			...{ "aria-disabled": String(!can), title: can ? what : "needs a kernel" },
		};
		const button = act("", attrs);
		const bar = h("i", { style: `width:${(100 * probability) / most}%` });
		button.append(
			h("span", { class: "iw-dim" }, number("rank", rank)),
			tokenNode(word(store.text(id)), 11),
			h("span", { class: "iw-ln-track" }, bar),
			h("span", {}, weight(probability, 3)),
		);
		return button;
	});
	return [...rows, h("div", { class: "iw-leg-what" }, massOf(scene, column, at))];
}

/** How many tokens half of the probability is in, where those that are kept can tell. */
export function massOf({ payload, store }: Scene, column: number, at: number): string {
	const { k } = payload;
	const kept = store.columns.get(column)?.logprob.slice(at * k, (at + 1) * k) ?? [];
	const read = [...kept].filter(Number.isFinite).map(Math.exp);
	let sum = 0;
	for (const [i, probability] of read.entries()) {
		sum += probability;
		if (sum >= 0.5) return i ? `half of the mass is in ${i + 1} tokens` : "";
	}
	return read.length ? `the ${read.length} best hold ${weight(sum)} of the mass` : "";
}

function footOf(pin: number): Node {
	const pinned = pin >= 0 ? `unpin ${pin + 1}` : "pin";
	const foot = h("div", { class: "iw-ln-do" });
	foot.append(
		act(pinned, { class: "iw-t iw-act", "data-do": "pin", title: "P" }),
		act("close", { class: "iw-t iw-act", "data-do": "close", title: "Esc" }),
	);
	return foot;
}

/** Beside the cell on the wider side; below it where neither side has room. */
function stand(
	node: HTMLElement,
	box: { x: number; y: number; width: number; height: number },
	layout: GridLayout,
	room: number,
): void {
	const [left, right] = [box.x - layout.gutter, room - box.x - box.width];
	const fits = WIDTH + GAP;
	const height = node.offsetHeight;
	const end = layout.top + layout.height;
	let x = box.x + box.width + GAP;
	let y = Math.max(0, Math.min(box.y - 8, end - height));
	if (right < fits && left >= fits) x = box.x - fits;
	else if (right >= fits && left >= fits && left > right) x = box.x - fits;
	else if (right < fits) {
		x = Math.max(0, Math.min(box.x, room - WIDTH));
		y = box.y + box.height + GAP;
	}
	set(node, { style: `left:${x}px;top:${y}px;width:${WIDTH}px` });
}
