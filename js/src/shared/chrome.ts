import type { Stamp, Status } from "../contract.gen";
import { h, memo, set, word } from "./dom";
import { integer } from "./format";
import { arrow, clamp, taken } from "./keys";
import type { Life } from "./life";

export interface Facts {
	title: string;
	sub: string;
	intervened: string | null;
	status: Status;
	/** There is a figure to show, whatever the status. */
	drawn: boolean;
	panelOpen: boolean;
	prompt: { index: number; count: number };
	caption: readonly (string | Node)[];
	stamp: string;
}

export interface Acts {
	rerun(): void;
	prompt(index: number): void;
	panel(): void;
}

export interface Chrome {
	figure: HTMLElement;
	panel: HTMLElement;
	update(facts: Facts): void;
}

/** The parts that every view has around its figure: title line, ⋯ panel, states, caption, stamp. */
export function makeChrome(root: HTMLElement, life: Life, acts: Acts): Chrome {
	const title = h("h3", { class: "iw-title" });
	const sub = h("span", { class: "iw-sub" });
	const you = h("span", { class: "iw-you" });
	const note = h("span", { class: "iw-state", role: "status" });
	const more = word("⋯", {
		class: "iw-t iw-more",
		title: "table, copy, reset",
		"aria-label": "more",
	});
	const picker = promptPicker(life, acts.prompt);
	const tools = h("div", { class: "iw-tools" }, picker.node, more);
	const panel = h("div", { class: "iw-panel" });
	const block = h("div", { class: "iw-block" });
	const bar = h("div", { class: "iw-bar" }, h("i"));
	const figure = h("div", { class: "iw-figure" });
	const caption = h("p", { class: "iw-cap" });
	const stamp = h("div", { class: "iw-stamp" });
	const head = h("div", { class: "iw-head" }, title, sub, you, note, tools);
	root.append(head, panel, block, bar, figure, caption, stamp);
	life.on(more, "click", acts.panel);
	life.on(root, "click", ({ target }) => {
		if (target instanceof Element && target.closest("[data-act=rerun]")) acts.rerun();
	});
	const onStatus = memo();

	return {
		figure,
		panel,
		update(facts) {
			const { status, drawn } = facts;
			root.dataset.status = status.kind;
			title.textContent = facts.title;
			sub.textContent = facts.sub;
			you.textContent = facts.intervened ?? "";
			you.hidden = facts.intervened === null;
			panel.hidden = !facts.panelOpen || !drawn;
			set(more, { "aria-expanded": String(facts.panelOpen), hidden: !drawn });
			figure.hidden = !drawn;
			picker.update(facts.prompt);
			caption.replaceChildren(...facts.caption);
			stamp.textContent = facts.stamp;
			onStatus([JSON.stringify(status), drawn], () => {
				note.replaceChildren(...statusNote(status, drawn));
				block.replaceChildren(...statusBlock(status, drawn));
				showProgress(bar, status);
			});
		},
	};
}

function promptPicker(life: Life, pick: (index: number) => void) {
	const before = word("‹", { "aria-label": "previous prompt" });
	const after = word("›", { "aria-label": "next prompt" });
	const label = h("span", { role: "status" });
	const group = { class: "iw-picker", role: "group", "aria-label": "prompt of the batch" };
	const node = h("span", group, before, label, after);
	let at = 0;
	let last = 0;
	const move = (by: number) => {
		const to = clamp(at + by, 0, last);
		if (to !== at) pick(to);
	};
	life.on(before, "click", () => move(-1));
	life.on(after, "click", () => move(1));
	life.on(node, "keydown", (event) => {
		const step = arrow(event);
		if (!step) return;
		taken(event);
		move(step[0] + step[1]);
	});
	return {
		node,
		update({ index, count }: Facts["prompt"]) {
			at = index;
			last = count - 1;
			node.hidden = count < 2;
			label.textContent = `prompt ${integer(index + 1)} of ${integer(count)}`;
			// not `disabled`: that would take the focus, and the arrow keys with it
			set(before, { "aria-disabled": String(index <= 0) });
			set(after, { "aria-disabled": String(index >= last) });
		},
	};
}

const rerun = (text: string) => word(text, { class: "iw-t iw-act", "data-act": "rerun" });

function statusNote(status: Status, drawn: boolean): (Node | string)[] {
	if (status.kind === "stale") {
		const why = status.message ? `stale: ${status.message}` : "stale";
		return [why, ...(status.can_rerun ? [rerun("run again")] : [])];
	}
	if (status.kind !== "running") return [];
	const count = status.total ? `${integer(status.done)} of ${integer(status.total)}` : "";
	return [["running", count, drawn ? status.message : ""].filter(Boolean).join(" · ")];
}

function statusBlock(status: Status, drawn: boolean): Node[] {
	if (status.kind === "error") return errorBlock(status);
	if (drawn) return [];
	const fallback = status.kind === "running" ? "The first run is under way." : "No run yet.";
	const text = h("div", {}, status.message || fallback);
	return status.can_rerun && status.kind !== "running" ? [text, rerun("run")] : [text];
}

/** First line: what. Second: what to do. The rest waits behind "details". */
function errorBlock(status: Status): Node[] {
	const [what = "", advice = "", ...rest] = status.message
		.split("\n")
		.filter((line) => line.trim());
	const nodes: Node[] = [h("div", { class: "iw-bad" }, `✕ ${what || "the run failed"}`)];
	if (advice) nodes.push(h("div", { class: "iw-advice" }, advice));
	const details = h("pre", {}, rest.join("\n"));
	if (rest.length) nodes.push(h("details", {}, h("summary", {}, "details"), details));
	if (status.can_rerun) nodes.push(rerun("run again"));
	return nodes;
}

function showProgress(bar: HTMLElement, status: Status): void {
	const share = status.total ? Math.min(1, status.done / status.total) : 1;
	bar.hidden = status.kind !== "running";
	set(bar, { role: "progressbar", "aria-label": "run", "aria-valuenow": Math.round(share * 100) });
	if (bar.firstElementChild instanceof HTMLElement) {
		bar.firstElementChild.style.width = `${share * 100}%`;
	}
}

/** A ramp with its ends printed at its sides. */
export function legend(low: string, high: string, what: string): HTMLElement {
	const ramp = h("span", { class: "iw-leg" }, low, h("i", { class: "iw-ramp" }), high);
	return h("div", {}, ramp, h("div", { class: "iw-leg-what" }, what));
}

export function stampLine(stamp: Stamp, run: number, extra: string | null): string {
	const model = [stamp.model, stamp.revision].filter(Boolean).join(" ");
	const numbers = [stamp.site, stamp.precision || stamp.dtype].filter(Boolean).join(", ");
	const seed = stamp.seed && `seed ${stamp.seed}`;
	return [model, numbers, seed, stamp.note, run > 0 && `run ${run}`, extra]
		.filter(Boolean)
		.join(" · ");
}
