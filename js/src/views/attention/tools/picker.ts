import { h, set, word } from "../../../shared/dom";
import { integer } from "../../../shared/format";
import { arrow, clamp, taken } from "../../../shared/keys";
import type { State } from "../state";
import type { Core } from "../view";

/** Which prompt of a batch is shown. */
export function makePicker({ chrome, life, ask }: Core): (state: State) => void {
	const before = word("‹", { "aria-label": "previous prompt" });
	const after = word("›", { "aria-label": "next prompt" });
	const label = h("span", { role: "status" });
	const group = { class: "iw-picker", role: "group", "aria-label": "prompt of the batch" };
	const node = h("span", group, before, label, after);
	chrome.tools.append(node);
	let at = 0;
	let last = 0;
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
	return ({ payload }) => {
		at = payload?.prompt_index ?? 0;
		last = (payload?.prompt_count ?? 1) - 1;
		node.hidden = last < 1;
		label.textContent = `prompt ${integer(at + 1)} of ${integer(last + 1)}`;
		// not `disabled`: that would take the focus, and the arrow keys with it
		set(before, { "aria-disabled": String(at <= 0) });
		set(after, { "aria-disabled": String(at >= last) });
	};
}
