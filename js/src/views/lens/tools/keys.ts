import { taken } from "../../../shared/keys";
import type { Core } from "../view";

/** T is the table, P pins, Esc takes back, Enter selects where the keyboard is. */
export function listenKeys({ root, life, grid, dispatch }: Core): void {
	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const key = event.key.toLowerCase();
		if (key === "t") dispatch({ type: "toggle", what: "tableOpen" });
		else if (key === "p") dispatch({ type: "pin" });
		else if (key === "escape") dispatch({ type: "escape" });
		else return;
		event.stopPropagation();
	});
	life.on(grid.box, "keydown", (event) => {
		if (event.key !== "Enter" || event.target !== grid.box) return;
		dispatch({ type: "take" });
		taken(event);
	});
}
