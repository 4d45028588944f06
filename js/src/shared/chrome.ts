import type { Stamp, Status } from "../contract.gen";
import { div, h, set, word } from "./dom";
import type { Life } from "./life";

export interface Facts {
	title: string;
	sub: string;
	/** What has to be known before the figure is read, a line each. */
	notes: readonly string[];
	status: Status;
	/** There is a figure to show, whatever the status. */
	drawn: boolean;
	panelOpen: boolean;
	stamp: string;
}

export type Chrome = ReturnType<typeof makeChrome>;

/**
 * The parts that every view has around its figure: title line, ⋯ panel, states, caption, stamp.
 * States are told in plain words; `drawStatus` adds what can be done.
 */
export function makeChrome(root: HTMLElement, life: Life, onMore: () => void) {
	const title = h("h3", { class: "iw-title" });
	const sub = h("span", { class: "iw-sub" });
	const you = h("span", { class: "iw-you" });
	const note = h("span", { class: "iw-state", role: "status" });
	const tools = h("span", { class: "iw-tool" });
	const more = word("⋯", { class: "iw-t iw-more", "aria-label": "more" });
	const right = div("tools", tools, more);
	const head = div("head", title, sub, you, note, right);
	const panel = div("panel", "waiting for the kernel");
	const notes = div("notes");
	const block = div("block");
	const bar = div("bar", h("i"));
	const figure = div("figure");
	const caption = div("cap");
	const stamp = div("stamp");
	root.append(head, panel, notes, block, bar, figure, caption, stamp);
	life.on(more, "click", onMore);
	let said = "";

	return {
		...{ you, note, tools, panel, block, bar, figure, caption },
		update({ status, drawn, panelOpen, ...facts }: Facts) {
			const { kind, message } = status;
			root.dataset.status = kind;
			title.textContent = facts.title;
			sub.textContent = facts.sub;
			stamp.textContent = facts.stamp;
			notes.replaceChildren(...facts.notes.map((line) => h("div", {}, line)));
			set(more, { "aria-expanded": String(panelOpen), hidden: !drawn });
			panel.hidden = !panelOpen || !drawn;
			figure.hidden = caption.hidden = !drawn;
			const now = JSON.stringify([status, drawn]);
			if (now === said) return;
			said = now;
			const failed = kind === "error";
			note.textContent = failed || kind === "live" ? "" : [kind, message].join(" ");
			block.textContent = failed || !drawn ? (failed ? "✕ " : "") + (message || "No run yet.") : "";
			bar.hidden = kind !== "running";
		},
	};
}

/** A ramp with its ends printed at its sides. */
export function legend(low: string, high: string, what: string, signed = false): HTMLElement {
	const ramp = h("i", { class: signed ? "iw-ramp iw-both" : "iw-ramp" });
	const line = h("span", { class: "iw-leg" }, low, ramp, high);
	return h("div", {}, line, div("leg-what", what));
}

export function stampLine(stamp: Stamp, run: number, extra: string | false): string {
	const words = (separator: string, ...of: (string | false)[]) =>
		of.filter(Boolean).join(separator);
	const model = words(" ", stamp.model, stamp.revision);
	const numbers = words(", ", stamp.site, stamp.precision || stamp.dtype);
	const seed = stamp.seed && `seed ${stamp.seed}`;
	return words(" · ", model, numbers, seed, stamp.note, run > 0 && `run ${run}`, extra);
}
