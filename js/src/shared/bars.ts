import type { TokenInfo } from "../contract.gen";
import { div, h } from "./dom";
import { arrow, clamp, taken } from "./keys";
import type { Life } from "./life";
import { tokenNode } from "./tokens";

type Range = readonly [low: number, high: number];

/** A quantity across a zero line, with what it is compared with. */
export interface Bar {
	label: string;
	/** A word of the model's behind the label. */
	token?: TokenInfo | null;
	value: number;
	/** The value as it is printed beside the bar. */
	text: string;
	/** Its interval: a whisker. */
	interval?: Range | null;
	/** 95 % of its null: a grey band. */
	band?: Range | null;
	/** A single null: a hollow mark. */
	control?: number | null;
	/** No part of its own: what is left of the others. */
	rest?: boolean;
	selected?: boolean;
}

interface Handlers {
	hover(at: number | null): void;
	press(at: number, event: Event): void;
	/** An arrow key, Home or End. */
	move(at: number): void;
}

/** About so many ticks an axis has. */
const TICKS = 6;

/** The numbers from one end of the axis to the other, zero among them. */
export function domainOf(bars: readonly Bar[]): Range {
	const all = bars.flatMap(({ value, interval, band, control }) => [
		...[value, control ?? 0],
		...(interval ?? []),
		...(band ?? []),
	]);
	const finite = all.filter(Number.isFinite);
	const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
	return low === high ? [-1, 1] : [low, high];
}

/** Round numbers within the axis: steps of 1, 2 or 5. */
export function ticksOf([low, high]: Range): number[] {
	const rough = (high - low) / TICKS;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
	const first = Math.ceil(low / step - 1e-9);
	const count = Math.floor(high / step + 1e-9) - first + 1;
	const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
	return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}

/** Horizontal bars in rows, to point at, click and walk through; a view puts words around them. */
export function makeBars(life: Life, handlers: Handlers) {
	const node = h("div", { class: "iw-bars", role: "listbox", tabindex: 0 });
	let rows: HTMLElement[] = [];
	let at = 0;

	const hit = ({ target }: Event): number | null => {
		const row = target instanceof Element && target.closest<HTMLElement>("[data-bar]");
		return row ? Number(row.dataset.bar) : null;
	};
	life.on(node, "pointerover", (event) => handlers.hover(hit(event)));
	life.on(node, "pointerleave", () => handlers.hover(null));
	life.on(node, "click", (event) => {
		const row = hit(event);
		if (row !== null) handlers.press(row, event);
	});
	life.on(node, "keydown", (event) => {
		const step = arrow(event)?.[0];
		const last = rows.length - 1;
		if (event.key === "Enter") handlers.press(at, event);
		else if (event.key === "Home" || event.key === "End") {
			handlers.move(event.key === "Home" ? 0 : last);
		} else if (step) handlers.move(clamp(at + step, 0, last));
		else return;
		taken(event);
	});

	return {
		node,
		/** Draws new bars; `print` writes a number of the axis, `foot` is what stands below it. */
		draw(bars: readonly Bar[], label: string, print: (value: number) => string, foot: Node[]) {
			const domain = domainOf(bars);
			const place = placing(domain);
			rows = bars.map((bar, i) => drawRow(bar, i, place));
			node.setAttribute("aria-label", label);
			node.classList.toggle("iw-bars-below", domain[0] < 0);
			const below = div("bars-foot", h("span"), h("div", {}, ...foot));
			node.replaceChildren(...rows, drawAxis(domain, place, print), below);
		},
		/** Moves the marks that a hover and a key move. */
		mark(cursor: number, hover: number | null) {
			at = clamp(cursor, 0, Math.max(0, rows.length - 1));
			for (const [i, row] of rows.entries()) {
				row.classList.toggle("iw-bars-cursor", i === at);
				row.classList.toggle("iw-bars-hover", i === hover);
			}
			const id = rows[at]?.id;
			if (id) node.setAttribute("aria-activedescendant", id);
		},
	};
}

type Place = (value: number) => number;

const placing =
	([low, high]: Range): Place =>
	(value) =>
		(100 * (clamp(value, low, high) - low)) / (high - low);

const share = (percent: number): string => `${Number(percent.toFixed(3))}%`;

/** A mark from one number to another. */
function span(name: string, [from, to]: Range, place: Place): HTMLElement {
	const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))];
	const style = `left:${share(left)};width:${share(right - left)}`;
	return h("i", { class: `iw-bars-${name}`, style });
}

let ids = 0;

function drawRow(bar: Bar, i: number, place: Place): HTMLElement {
	const { value, interval, band, control, text } = bar;
	const shown = Number.isFinite(value) ? value : 0;
	const less = shown < 0;
	const ends = [shown, ...(interval ?? []), control ?? 0].filter(Number.isFinite);
	const end = place(less ? Math.min(...ends) : Math.max(...ends));
	const side = less ? `right:calc(${share(100 - end)} + 6px)` : `left:calc(${share(end)} + 6px)`;
	const marks = [
		band ? span("null", band, place) : null,
		h("i", { class: "iw-bars-zero", style: `left:${share(place(0))}` }),
		span(less ? "less" : "more", [0, shown], place),
		interval ? span("whisker", interval, place) : null,
		control != null && h("i", { class: "iw-bars-control", style: `left:${share(place(control))}` }),
		h("span", { class: "iw-bars-value", style: side }, text),
	];
	const row = h("div", {
		...{ class: "iw-bars-row", role: "option", id: `iw-bar-${++ids}`, "data-bar": i },
		"aria-selected": String(bar.selected ?? false),
		"data-rest": bar.rest ?? false,
	});
	const label = h(
		"span",
		{ class: "iw-bars-label" },
		bar.label,
		bar.token ? tokenNode(bar.token, 14) : null,
	);
	row.append(label, div("bars-track", div("bars-in", ...marks)));
	return row;
}

function drawAxis(domain: Range, place: Place, print: (value: number) => string): HTMLElement {
	const ticks = ticksOf(domain).map((tick) =>
		h("span", { style: `left:${share(place(tick))}` }, print(tick)),
	);
	const inside = div("bars-in", ...ticks);
	return h(
		"div",
		{ class: "iw-bars-axis", "aria-hidden": "true" },
		h("span"),
		div("bars-track", inside),
	);
}
