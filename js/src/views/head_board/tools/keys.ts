import { arrow, clamp, taken } from "../../../shared/keys";
import type { Scene } from "../scene";
import { headAt, PAGE, pageOf, type State } from "../state";
import type { Core } from "../view";

/** In the table arrows move, Enter selects, space ablates; T is all pairs, Esc takes back. */
export function listenKeys(
	{ root, heads, life, acts, state }: Core,
	scene: () => Scene | null,
): void {
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.target instanceof HTMLSelectElement) return;
		if (event.key.toLowerCase() === "t") acts.set({ tableOpen: !state().tableOpen });
		else if (event.key === "Escape") acts.set(escaped(state()));
		else return;
		event.stopPropagation();
	});
	life.on(heads.box, "keydown", (event) => {
		const now = scene();
		if (!now || event.target !== heads.box) return;
		const head = headAt(now.payload, now.rows[state().cursor] ?? now.rows[0] ?? 0);
		const step = arrow(event);
		if (event.key === "Enter") acts.head(head, event.shiftKey);
		else if (event.key === " ") {
			if (now.payload.runnable && !now.state.offline) acts.tick(head);
		} else if (step?.[0]) acts.set(moved({ ...now, state: state() }, step[0]));
		else return;
		taken(event);
		heads.box.querySelector(".iw-hb-cursor")?.scrollIntoView({ block: "nearest" });
	});
}

/** Up and down, over the ends of a page. */
function moved({ state, order, rows }: Scene, by: number): Partial<State> {
	const page = pageOf(state, order);
	const to = state.cursor + by;
	const last = Math.ceil(order.length / PAGE) - 1;
	if (to < 0 && page > 0) return { page: page - 1, cursor: PAGE - 1 };
	if (to >= rows.length && page < last) return { page: page + 1, cursor: 0 };
	return { cursor: clamp(to, 0, rows.length - 1) };
}

function escaped(state: State): Partial<State> {
	if (state.tableOpen) return { tableOpen: false };
	if (state.block) return { block: null };
	if (state.heads.length) return { heads: [], edits: state.edits + 1 };
	return { panelOpen: false };
}
