import type { Status } from "../contract.gen";
import type { Chrome } from "./chrome";
import { h, set, word } from "./dom";
import { integer } from "./format";

/** A word of the view that asks Python for what it is named. */
export const act = (text: string, kind: string, attrs = {}): HTMLButtonElement =>
	word(text, { class: "iw-t iw-act", "data-act": kind, ...attrs });

/** The state of the whole view, with what can be done about it. */
export function drawStatus({ note, block, bar }: Chrome, status: Status, drawn: boolean): void {
	note.replaceChildren(...statusNote(status, drawn));
	block.replaceChildren(...statusBlock(status, drawn));
	showProgress(bar, status);
}

function statusNote(status: Status, drawn: boolean): (Node | string)[] {
	if (status.kind === "stale") {
		const why = status.message ? `stale: ${status.message}` : "stale";
		return [why, ...(status.can_rerun ? [act("run again", "rerun")] : [])];
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
	return status.can_rerun && status.kind !== "running" ? [text, act("run", "rerun")] : [text];
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
	if (status.can_rerun) nodes.push(act("run again", "rerun"));
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
