import { arrow, taken } from "../../../shared/keys";
import type { Core } from "../view";

/** T is the table, Esc takes back, arrows move in the text, Enter selects, shift extends. */
export function listenKeys({ root, life, text, dispatch, state }: Core): void {
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.target instanceof HTMLSelectElement) return;
		if (event.key.toLowerCase() === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (event.key === "Escape") dispatch({ type: "escape" });
		else return;
		event.stopPropagation();
	});
	life.on(text.node, "keydown", (event) => {
		if (event.key === "Enter") dispatch({ type: "take" });
		else {
			const to = target(event, state().cursor, text.chips());
			if (to === null) return;
			dispatch({ type: "move", to, extend: event.shiftKey });
		}
		taken(event);
	});
}

/** The token that a key goes to. */
function target(
	event: KeyboardEvent,
	cursor: number,
	chips: readonly HTMLElement[],
): number | null {
	const step = arrow(event);
	if (!step) return event.key === "Home" ? 0 : event.key === "End" ? chips.length - 1 : null;
	const [rows, columns] = step;
	return columns ? cursor + columns : nextLine(cursor, rows, chips);
}

/** Up and down keep to the column, as in a text. */
function nextLine(cursor: number, by: number, chips: readonly HTMLElement[]): number {
	const from = chips[cursor];
	if (!from) return cursor;
	const far = (chip: HTMLElement) => Math.abs(chip.offsetLeft - from.offsetLeft);
	let best: { at: number; chip: HTMLElement } | null = null;
	for (let at = cursor + by; ; at += by) {
		const chip = chips[at];
		if (!chip || (best && chip.offsetTop !== best.chip.offsetTop)) break;
		if (chip.offsetTop === from.offsetTop) continue;
		if (!best || far(chip) < far(best.chip)) best = { at, chip };
	}
	return best?.at ?? cursor + by;
}
