import type { Chrome } from "./chrome";
import { h, set, word } from "./dom";
import { integer } from "./format";
import { arrow, clamp, taken } from "./keys";
import type { Life } from "./life";

interface Place {
	prompt_index: number;
	prompt_count: number;
}

interface Holder {
	chrome: Chrome;
	life: Life;
	ask(kind: string, fields?: object): unknown;
}

/** Which prompt of a batch is shown; `noun` is what the view calls it. */
export function makePromptPicker(
	{ chrome, life, ask }: Holder,
	noun: string,
): (place: Place | null) => void {
	const before = word("‹", { "aria-label": `previous ${noun}` });
	const after = word("›", { "aria-label": `next ${noun}` });
	const label = h("span", { role: "status" });
	const group = { class: "iw-picker", role: "group", "aria-label": noun };
	const node = h("span", group, before, label, after);
	chrome.tools.append(node);
	let [at, last] = [0, 0];
	const move = (by: number) => {
		const to = clamp(at + by, 0, last);
		if (to !== at) void ask("prompt", { index: to });
	};
	life.on(before, "click", () => move(-1));
	life.on(after, "click", () => move(1));
	life.on(node, "keydown", (event) => {
		const step = arrow(event);
		if (!step) return;
		taken(event);
		move(step[0] + step[1]);
	});
	return (place) => {
		at = place?.prompt_index ?? 0;
		last = (place?.prompt_count ?? 1) - 1;
		node.hidden = last < 1;
		label.textContent = `${noun} ${integer(at + 1)} of ${integer(last + 1)}`;
		// not `disabled`: that would take the focus, and the arrow keys with it
		set(before, { "aria-disabled": String(at <= 0) });
		set(after, { "aria-disabled": String(at >= last) });
	};
}
