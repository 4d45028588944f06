import type { SteeringPayload } from "../../../contract.gen";
import { h, memo } from "../../../shared/dom";
import { tokenNode, tokenText } from "../../../shared/tokens";
import type { State } from "../state";
import type { Core } from "../view";

interface Row {
	position: number;
	base: Cell | null;
	steered: Cell | null;
}
type Cell = { text: SteeringPayload["prompt"][number]; changed: boolean };

function rowsOf({ prompt, base, steered }: SteeringPayload): Row[] {
	const side = (of: SteeringPayload["base"]) => (i: number) => {
		const text = of?.tokens[i];
		return text ? { text, changed: of?.changed.includes(i) ?? false } : null;
	};
	const count = Math.max(base?.tokens.length ?? 0, steered?.tokens.length ?? 0);
	return Array.from({ length: count }, (_, i) => ({
		...{ position: prompt.length + i, base: side(base)(i), steered: side(steered)(i) },
	}));
}

/** Both texts, for a spreadsheet. */
export function asTsv(payload: SteeringPayload): string {
	const clean = (cell: Cell | null) =>
		cell ? tokenText(cell.text, 200).replace(/[\t\n]/g, " ") : "";
	const lines = rowsOf(payload).map(({ position, base, steered }) =>
		[position, clean(base), clean(steered)].join("\t"),
	);
	return ["position\tbase\tsteered", ...lines].join("\n");
}

/** The two texts token by token. */
export function makeTable({ table }: Core): (state: State, payload: SteeringPayload) => void {
	const onRows = memo();
	return ({ tableOpen }, payload) => {
		table.hidden = !tableOpen;
		if (!tableOpen) return;
		onRows([payload.base, payload.steered], () => {
			const head = ["position", "base", "steered"].map((name) => h("th", {}, name));
			const body = rowsOf(payload).map(({ position, base, steered }) => {
				const cells = [base, steered].map((cell) =>
					h("td", { class: cell?.changed ? "iw-st-other" : "" }, cell ? tokenNode(cell.text) : ""),
				);
				return h("tr", {}, h("td", {}, String(position)), ...cells);
			});
			table.replaceChildren(h("table", { class: "iw-st-table" }, h("tr", {}, ...head), ...body));
		});
	};
}
