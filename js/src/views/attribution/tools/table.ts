import { h, memo } from "../../../shared/dom";
import { integer } from "../../../shared/format";
import { spelled, tokenNode } from "../../../shared/tokens";
import { decode, type Entry, heldBars, logits, nameOf, ordered, placeOf } from "../entries";
import type { Core, Scene } from "../view";

const NAMES = ["", "logits", "95 %", "control ±"];

/** Every bar that came, in the order of the picture, and what is left. */
function rowsOf({ state, entries }: Scene): Entry[] {
	const bars = heldBars(state);
	return bars
		? [...ordered(state, decode(bars)), ...entries.filter(({ rest }) => rest === "remainder")]
		: [];
}

export function makeTable({ table: node }: Core): (scene: Scene) => void {
	const onRows = memo();
	node.className = "iw-at-table";
	return (scene) => {
		const { state, payload, by } = scene;
		node.hidden = !state.tableOpen;
		if (!state.tableOpen) return;
		onRows([payload, by, state.order], () => {
			const head = h("tr", {}, ...NAMES.map((name) => h("th", { scope: "col" }, name)));
			const body = rowsOf(scene).map((entry) => line(scene, entry));
			const left = heldBars(state)?.rest_count ?? 0;
			const note = left ? h("p", {}, `${integer(left)} smaller ones are not listed.`) : null;
			const rows = h("table", {}, h("thead", {}, head), h("tbody", {}, ...body));
			node.replaceChildren(h("div", { class: "iw-at-rows" }, rows), ...(note ? [note] : []));
		});
	};
}

function line({ payload }: Scene, entry: Entry): HTMLElement {
	const { text, token } = nameOf(payload, entry);
	const { value, low, high, chance } = entry;
	const cells = [
		logits(value),
		Number.isFinite(low) ? `${logits(low)} to ${logits(high)}` : "",
		Number.isFinite(chance) ? chance.toFixed(2) : "",
	];
	const name = h("th", { scope: "row" }, text, token ? " " : "", token && tokenNode(token));
	return h("tr", {}, name, ...cells.map((cell) => h("td", {}, cell)));
}

/** Every bar, tab-separated, in full precision. */
export function asTsv(scene: Scene): string {
	const number = (value: number) => (Number.isNaN(value) ? "" : String(value));
	const lines = rowsOf(scene).map((entry) => {
		const { layer, index, pos } = placeOf(entry);
		const { text, token } = nameOf(scene.payload, entry);
		const name = token ? `${text} ${spelled(token).slice(1, -1)}` : text;
		const places = [layer, index, pos].map((at) => (at < 0 ? "" : String(at)));
		const { value, low, high, chance } = entry;
		return [name, ...places, ...[value, low, high, chance].map(number)].join("\t");
	});
	const names = ["name", "layer", "head or neuron", "source", "logits", "low", "high", "control"];
	return [names.join("\t"), ...lines].join("\n");
}
