import { h, memo } from "../../shared/dom";
import type { Life } from "../../shared/life";
import { colour, css, textOn } from "../../shared/ramp";
import { tokenNode } from "../../shared/tokens";
import { beyond, type Dispatch, number, type Scene, share } from "./scene";
import { rowCount, rowName } from "./state";

/** Up to these sizes all rows are stacked, and numbers stand under the tokens. */
const STACKED_ROWS = 6;
const STACKED_TOKENS = 60;
const NUMBERED_TOKENS = 32;
const SCROLL_TOKENS = 400;
const NEGATIVE_LEAST = 0.02;

interface Chip {
	node: HTMLElement;
	value: HTMLElement | null;
}

/** Several rows on one short text are drawn below one another. */
export function stackedRows({ payload, rows }: Scene): number[] {
	const count = rowCount(payload);
	if (count < 2 || count > STACKED_ROWS || payload.tokens.length > STACKED_TOKENS) return [];
	const all = Array.from({ length: count }, (_, row) => row);
	return all.every((row) => rows.get(row)) ? all : [];
}

/** The running text, once or once a row; each token a chip in its value's colour. */
export function makeText(life: Life, dispatch: Dispatch) {
	const node = h("div", { class: "iw-tx", tabindex: 0, role: "application" });
	const onTokens = memo();
	const onCursor = memo();
	let lines: { row: number | null; chips: Chip[]; painted: readonly unknown[] }[] = [];
	let marked: Scene["state"] | null = null;
	listen(life, node, dispatch);

	function build(scene: Scene, stacked: readonly number[]): void {
		const numbered = scene.payload.tokens.length <= NUMBERED_TOKENS;
		const rows = stacked.length ? stacked : [null];
		lines = rows.map((row) => ({ row, chips: makeChips(scene, numbered), painted: [] }));
		const blocks = lines.map(({ row, chips }) => {
			const line = h("div", { class: "iw-tx-run", "data-row": row }, ...withBreaks(scene, chips));
			if (row === null) return line;
			return h("div", {}, h("div", { class: "iw-h" }, rowName(scene.payload, row)), line);
		});
		node.replaceChildren(...blocks);
		node.classList.toggle("iw-tx-numbered", numbered);
		node.classList.toggle("iw-tx-stacked", stacked.length > 0);
		node.classList.toggle("iw-tx-scroll", scene.payload.tokens.length > SCROLL_TOKENS);
		marked = null;
	}

	return {
		node,
		/** The chips of the first line that is drawn. */
		chips: (): readonly HTMLElement[] => (lines[0]?.chips ?? []).map((chip) => chip.node),
		draw(scene: Scene) {
			const { payload, state } = scene;
			const stacked = stackedRows(scene);
			onTokens([payload, stacked.length], () => build(scene, stacked));
			for (const line of lines) {
				const values = line.row === null ? scene.values : scene.rows.get(line.row);
				const deps = [values, scene.theme];
				if (deps.every((dep, i) => dep === line.painted[i]) && line.painted.length) continue;
				line.painted = deps;
				for (const [i, chip] of line.chips.entries()) paint(chip, scene, i, values?.[i]);
			}
			for (const { chips } of lines) mark(chips, marked, state);
			marked = state;
			onCursor([payload, state.cursor, state.tokens], () => {
				const chip = lines[0]?.chips[state.cursor]?.node;
				if (chip && payload.tokens.length > SCROLL_TOKENS) reveal(node, chip);
			});
		},
	};
}

function makeChips({ payload }: Scene, numbered: boolean): Chip[] {
	return payload.tokens.map((token, i) => {
		const value = numbered ? h("small") : null;
		const text = h("span", { class: "iw-tx-word" }, tokenNode(token, 40, true));
		return { node: h("span", { class: "iw-tx-chip", "data-pos": i }, text, value), value };
	});
}

/** A turn of a chat begins a line, and so does what follows a newline. */
function withBreaks({ payload }: Scene, chips: readonly Chip[]): Node[] {
	const turns = new Map(payload.turns.map(({ role, start }) => [start, role]));
	return chips.flatMap(({ node }, i) => {
		const role = turns.get(i);
		const before = role === undefined ? [] : [h("span", { class: "iw-tx-turn" }, role)];
		const after = payload.tokens[i]?.text.endsWith("\n") ? [h("br")] : [];
		return [...before, node, ...after];
	});
}

function paint({ node, value }: Chip, scene: Scene, position: number, number_?: number): void {
	const word = node.firstElementChild;
	if (!(word instanceof HTMLElement)) return;
	const absent = scene.absent.has(position) || number_ === undefined;
	const finite = !absent && Number.isFinite(number_);
	const at = finite ? share(scene.payload, number_) : 0;
	const rgb = colour(scene.theme, at);
	word.style.cssText = finite ? `background-color:${css(rgb)};color:${textOn(rgb)}` : "";
	const minus = finite && at < -NEGATIVE_LEAST;
	const marks = [
		"iw-tx-word",
		!absent && !finite && "iw-hatch",
		minus && "iw-tx-minus",
		finite && beyond(scene.payload, number_) && "iw-tx-over",
	];
	const look = marks.filter(Boolean).join(" ");
	if (word.className !== look) word.className = look;
	if (value) value.textContent = absent ? "" : short(scene, number_);
}

/** Under a token there is little room, and no need for what is next to nothing. */
function short({ payload }: Scene, value: number): string {
	return Math.abs(value) < 0.005 ? "0" : number(payload, value);
}

/** Changes the marks of the few chips that a new state concerns. */
function mark(chips: readonly Chip[], before: Scene["state"] | null, now: Scene["state"]): void {
	const move = (name: string, from: readonly number[], to: readonly number[]) => {
		if (from === to) return;
		for (const i of from) chips[i]?.node.classList.remove(name);
		for (const i of to) chips[i]?.node.classList.add(name);
	};
	const one = (position: number | null | undefined) => (position == null ? [] : [position]);
	move("iw-tx-chosen", before?.tokens ?? [], now.tokens);
	if (before?.hover !== now.hover) move("iw-tx-hovered", one(before?.hover), one(now.hover));
	if (before?.cursor !== now.cursor) move("iw-tx-cursor", one(before?.cursor), [now.cursor]);
}

/** `scrollIntoView` would scroll the page as well. */
function reveal(node: HTMLElement, chip: HTMLElement): void {
	const top = chip.offsetTop - node.offsetTop;
	if (top < node.scrollTop || top > node.scrollTop + node.clientHeight - 32) {
		node.scrollTop = top - node.clientHeight / 2;
	}
}

function listen(life: Life, node: HTMLElement, dispatch: Dispatch): void {
	let from: number | null = null;
	const position = (event: Event): number | null => {
		const chip = event.target instanceof Element ? event.target.closest("[data-pos]") : null;
		return chip instanceof HTMLElement ? Number(chip.dataset.pos) : null;
	};
	life.on(node, "pointerover", (event) => {
		const at = position(event);
		if (from !== null && at !== null && event.buttons) {
			dispatch({ type: "press", position: at, extend: true });
		}
		dispatch({ type: "hover", position: at });
	});
	life.on(node, "pointerleave", () => dispatch({ type: "hover", position: null }));
	life.on(node, "pointerdown", (event) => {
		const at = position(event);
		if (event.button !== 0 || at === null) return;
		from = at;
		const add = event.ctrlKey || event.metaKey;
		dispatch({ type: "press", position: at, extend: event.shiftKey, add });
	});
	life.on(document, "pointerup", () => {
		from = null;
	});
}
