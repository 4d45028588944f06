import type { ProbePayload } from "../../../contract.gen";
import { h, memo } from "../../../shared/dom";
import { curveOf, layerName } from "../numbers";
import { chosenLayer, chosenProbe, type State } from "../state";
import type { Core } from "../view";

/** A row a layer: every metric with its interval, then its controls. */
export function rowsOf(state: State, payload: ProbePayload): string[][] {
	const { metrics, layers } = payload;
	const head = ["layer"];
	const columns: (readonly (number | null)[])[] = [];
	for (const [i, metric] of metrics.entries()) {
		const curve = curveOf(payload, state.kept.part, i, chosenProbe(state));
		if (!curve) continue;
		head.push(metric, "low", "high");
		columns.push(curve.value, curve.low, curve.high);
		for (const one of curve.nulls) {
			head.push(one.name, "low", "high");
			columns.push(one.mean, one.low, one.high);
		}
	}
	const text = (value: number | null | undefined) =>
		typeof value === "number" ? value.toFixed(4).replace("-", "−") : "";
	const body = layers.map((layer, i) => [
		layerName(layer),
		...columns.map((column) => text(column[i])),
	]);
	return [head, ...body];
}

export const asTsv = (state: State, payload: ProbePayload): string =>
	rowsOf(state, payload)
		.map((row) => row.join("\t").replaceAll("−", "-"))
		.join("\n");

export function makeTable({ table }: Core): (state: State, payload: ProbePayload) => void {
	const onRows = memo();
	return (state, payload) => {
		table.hidden = !state.kept.table_open;
		if (table.hidden) return;
		onRows([payload, chosenProbe(state), state.kept.part, chosenLayer(state)], () => {
			const [head = [], ...body] = rowsOf(state, payload);
			const cells = (row: readonly string[], tag: "th" | "td") =>
				row.map((cell, i) => h(i ? tag : "th", {}, cell));
			table.replaceChildren(
				h(
					"div",
					{ class: "iw-pb-scroll" },
					h(
						"table",
						{ class: "iw-pb-table" },
						h("tr", {}, ...cells(head, "th")),
						...body.map((row, i) =>
							h("tr", { class: i === chosenLayer(state) ? "iw-pb-here" : "" }, ...cells(row, "td")),
						),
					),
				),
			);
		});
	};
}
