import { h, memo, set } from "../../../shared/dom";
import { arrow, clamp, taken } from "../../../shared/keys";
import { tokenNode } from "../../../shared/tokens";
import { type Scene, sourceName } from "../scene";
import type { Core } from "../view";

/** The other prompt: its tokens are dragged, or chosen, to be patched from. */
export function makeStrip({ strip, life, dispatch, state, grid }: Core): (scene: Scene) => void {
	const name = h("span", { class: "iw-pt-from" });
	const chips = h("div", { class: "iw-pt-chips", role: "listbox", "aria-label": "patch from" });
	const hint = h("span", { class: "iw-dim iw-pt-hint" });
	strip.append(name, chips, hint);
	const onGrid = memo();

	const all = () => [...chips.querySelectorAll<HTMLElement>("[data-source]")];
	const choose = (position: number) =>
		dispatch({ type: "set", change: { source: state().source === position ? null : position } });

	life.on(chips, "click", ({ target }) => {
		const chip = target instanceof Element && target.closest<HTMLElement>("[data-source]");
		if (chip) choose(Number(chip.dataset.source));
	});
	life.on(chips, "keydown", (event) => {
		const at = all().indexOf(event.target as HTMLElement);
		const step = arrow(event);
		if (at < 0) return;
		if (step) {
			all()[clamp(at + step[0] + step[1], 0, all().length - 1)]?.focus();
			taken(event);
		} else if (event.key === "Enter" || event.key === " ") {
			choose(at);
			if (state().source !== null) grid.box.focus();
			taken(event);
		}
	});

	return (scene) => {
		const { grid: of, state: now } = scene;
		strip.hidden = !now.patches.can_run || of.by !== "position" || of.site === "pattern";
		if (strip.hidden) return;
		onGrid([of.source, of.direction], () => {
			name.textContent = `${sourceName(of)} prompt`;
			chips.replaceChildren(
				...of.source.map((token, i) => {
					const attrs = { class: "iw-pt-chip", role: "option", "data-source": i };
					return h("span", attrs, tokenNode(token, 24));
				}),
			);
		});
		const { source } = now;
		for (const [i, chip] of all().entries()) {
			set(chip, { "aria-selected": String(i === source), tabindex: i === (source ?? 0) ? 0 : -1 });
		}
		hint.textContent =
			source === null
				? "drag a token onto a cell to patch from there"
				: "choose the cell to put it into (Esc: none)";
	};
}
