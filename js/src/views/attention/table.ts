import { h, memo, word } from "../../shared/dom";
import { weight } from "../../shared/format";
import type { Life } from "../../shared/life";
import { rowOf } from "../../shared/tensor";
import { spelled, tokenNode, tokenText } from "../../shared/tokens";
import { type Dispatch, headName, type Scene } from "./scene";

/** The selected row in words and numbers. */
export function makeTable(life: Life, dispatch: Dispatch) {
	const node = h("div", { class: "iw-table" });
	const onRow = memo();
	life.on(node, "click", ({ target }) => {
		if (target instanceof HTMLButtonElement) dispatch({ type: "toggle", what: "byWeight" });
	});
	return {
		node,
		draw(scene: Scene) {
			const { state, query, view } = scene;
			node.hidden = !state.tableOpen;
			if (!state.tableOpen) return;
			onRow([scene.payload, view, query, state.byWeight], () =>
				node.replaceChildren(...table(scene)),
			);
		},
	};
}

function table(scene: Scene): Node[] {
	const { view, payload, query, head, state } = scene;
	const token = payload.tokens[query];
	if (!view || view.pooled > 1 || !head || !token)
		return [h("p", {}, "No row at full resolution yet.")];
	const row = rowOf(view.matrix, query);
	const end = payload.causal ? query + 1 : row.length;
	const keys = Array.from({ length: end }, (_, key) => key);
	const rank = (key: number) => (Number.isNaN(row[key]) ? -1 : (row[key] ?? 0));
	if (state.byWeight) keys.sort((a, b) => rank(b) - rank(a));
	const order = word(state.byWeight ? "by position" : "by weight", { class: "iw-t iw-act" });
	const title = `${headName(head)}, query ${query} ${tokenText(token)} `;
	const names = ["key", "token", "weight"].map((name) => h("th", { scope: "col" }, name));
	const body = keys.map((key) => line(scene, key, row[key] ?? 0));
	const table = h("table", {}, h("thead", {}, h("tr", {}, ...names)), h("tbody", {}, ...body));
	return [
		h("div", { class: "iw-h" }, h("b", {}, title), order),
		h("div", { class: "iw-rows" }, table),
	];
}

function line({ payload, view }: Scene, key: number, value: number): HTMLElement {
	const token = payload.tokens[key];
	const name = h("td", {}, token ? tokenNode(token, 40) : "");
	const number = weight(value, view?.precision === "float16" ? 3 : 2);
	return h(
		"tr",
		{},
		h("td", { class: "iw-r" }, String(key)),
		name,
		h("td", { class: "iw-r" }, number),
	);
}

/** The whole head, tab-separated: token names across and down, then the weights. */
export function asTsv({ payload, view }: Scene): string | null {
	if (!view || view.pooled > 1) return null;
	const names = payload.tokens.map((token) => spelled(token).slice(1, -1));
	const lines = names.map((name, query) => {
		const row = rowOf(view.matrix, query);
		const end = payload.causal ? query + 1 : row.length;
		return [
			name,
			...Array.from(row.subarray(0, end), (value) => Number(value.toPrecision(5))),
		].join("\t");
	});
	return [["query \\ key", ...names].join("\t"), ...lines].join("\n");
}
