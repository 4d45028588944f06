import { div, h, isDisabled, set, word } from "./dom";
import { arrow, taken } from "./keys";
import type { Life } from "./life";

export interface Named {
	name: string;
	title: string;
	/** Why it cannot be chosen; "run": one more run is needed. */
	why?: string;
}

/** A line of the ⋯ panel. */
export const row = (name: string, ...parts: (Node | null)[]): HTMLElement =>
	div("row", h("span", { class: "iw-dim" }, name), div("controls", ...parts));

/** On or off: a box and a word. */
export function tick(life: Life, text: string, toggle: () => void) {
	const node = word(text, { class: "iw-t iw-tick-box", role: "checkbox" });
	life.on(node, "click", () => !isDisabled(node) && toggle());
	return {
		node,
		show(on: boolean, disabled = false, why = "") {
			set(node, {
				"aria-checked": String(on),
				"aria-disabled": String(disabled),
				title: why || null,
			});
		},
	};
}

/** One of several: words, the chosen one underlined; arrows move between them. */
export function choice(life: Life, label: string, pick: (name: string) => void) {
	const node = h("span", { class: "iw-choice", role: "radiogroup", "aria-label": label });
	const use = (target: EventTarget | null) => {
		const hit = target instanceof Element ? target.closest<HTMLElement>("[data-name]") : null;
		if (hit && !isDisabled(hit)) pick(hit.dataset.name ?? "");
	};
	life.on(node, "click", ({ target }) => use(target));
	life.on(node, "keydown", (event) => {
		const step = arrow(event);
		const all = [...node.querySelectorAll<HTMLElement>("[data-name]:not([hidden])")];
		const at = all.indexOf(event.target as HTMLElement);
		const to = step && all[(at + step[0] + step[1] + all.length) % all.length];
		if (!to || at < 0) return;
		taken(event);
		to.focus();
		use(to);
	});
	let shown = "";
	return {
		node,
		/** Those after the first `short` stand back until all are asked for. */
		show(names: readonly Named[], chosen: string, short = names.length, disabled = false) {
			const now = JSON.stringify([names.map(({ name, title, why }) => [name, title, why]), short]);
			if (now !== shown) {
				node.replaceChildren(
					...names.map(({ name, title }, i) =>
						word(title, { role: "radio", "data-name": name, "data-late": i >= short }),
					),
				);
				shown = now;
			}
			for (const [i, one] of [...node.children].entries()) {
				const { name = "", why = "" } = names[i] ?? {};
				const stop = disabled || (why !== "" && why !== "run");
				set(one as HTMLElement, {
					"aria-checked": String(name === chosen),
					"aria-disabled": String(stop),
					tabindex: name === chosen || !names.some((all) => all.name === chosen) ? 0 : -1,
					title: why === "run" ? "one more run" : why || null,
				});
			}
		},
	};
}
