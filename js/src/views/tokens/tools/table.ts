import { h, memo, word } from "../../../shared/dom";
import { integer, percent } from "../../../shared/format";
import { spelled, tokenNode } from "../../../shared/tokens";
import { number, type Scene } from "../scene";
import { rowName } from "../state";
import type { Core } from "../view";

/** The row in numbers; by value, perhaps its ends alone. */
export function makeTable({ table: node, life, dispatch }: Core): (scene: Scene) => void {
	const onRow = memo();
	node.className = "iw-tx-table";
	life.on(node, "click", ({ target }) => {
		if (target instanceof HTMLButtonElement) dispatch({ type: "toggle", what: "byValue" });
	});
	return (scene) => {
		const { state, payload, values } = scene;
		node.hidden = !state.tableOpen;
		if (!state.tableOpen) return;
		onRow([payload, values, state.byValue, state.most], () =>
			node.replaceChildren(...table(scene)),
		);
	};
}

function table(scene: Scene): Node[] {
	const { payload, row, state, values } = scene;
	if (!values) return [h("p", {}, "The row is not here yet.")];
	const order = word(state.byValue ? "by position" : "by value", { class: "iw-t iw-act" });
	const title = `${rowName(payload, row) || payload.title} `;
	const names = ["position", "token", payload.unit || "value"];
	if (payload.rank) names.push("more probable", "expected");
	const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
	const body = positions(scene, values).map((at) =>
		at === null ? h("tr", {}, h("td", {}, "…")) : line(scene, values, at),
	);
	return [
		h("div", { class: "iw-h" }, h("b", {}, title), order),
		h(
			"div",
			{ class: "iw-tx-rows" },
			h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)),
		),
	];
}

/** Positions in order; `null` where those between the ends are left out. */
function positions({ state }: Scene, values: Float32Array): (number | null)[] {
	const all = Array.from(values, (_, i) => i);
	if (!state.byValue) return all;
	const of = (i: number) => (Number.isNaN(values[i]) ? Number.NEGATIVE_INFINITY : (values[i] ?? 0));
	all.sort((a, b) => of(b) - of(a));
	const { most } = state;
	if (most === null || all.length <= 2 * most) return all;
	return [...all.slice(0, most), null, ...all.slice(-most)];
}

function line({ payload, absent, rows }: Scene, values: Float32Array, at: number): HTMLElement {
	const token = payload.tokens[at];
	const value = absent.has(at) ? "" : number(payload, values[at] ?? Number.NaN, 3);
	const cells: (Node | string)[] = [String(at), token ? tokenNode(token, 40) : "", value];
	if (payload.rank) {
		const rank = payload.rank[at] ?? -1;
		cells.push(rank < 0 ? "" : integer(rank), guesses(rows.expected(at)));
	}
	const right = new Set([0, 2, 3]);
	return h("tr", {}, ...cells.map((cell, i) => h("td", { class: right.has(i) && "iw-r" }, cell)));
}

function guesses(expected: ReturnType<Scene["rows"]["expected"]>): Node {
	const first = expected.slice(0, 3).flatMap(({ word, probability }, i) => {
		const token = { text: word, special: false, generated: false };
		return [i ? " · " : "", tokenNode(token, 16), ` ${percent(probability)}`];
	});
	return h("span", {}, ...first);
}

/** The row, tab-separated. */
export function asTsv({ payload, values, absent }: Scene): string | null {
	if (!values) return null;
	const lines = payload.tokens.map((token, at) => {
		const value = absent.has(at) ? "" : String(values[at]);
		return [at, spelled(token).slice(1, -1), value].join("\t");
	});
	return [["position", "token", payload.unit || "value"].join("\t"), ...lines].join("\n");
}
