import { div, h, memo, word } from "../../../shared/dom";
import { spelled, tokenNode, tokenText } from "../../../shared/tokens";
import { headName, type Scene } from "../scene";
import type { Core } from "../view";
import { quantity, rowFor, shown } from "./words";

/** The selected row in words and numbers. */
export function makeTable({ table: node, life, acts, state }: Core): (scene: Scene) => void {
	node.className = "iw-table";
	const onRow = memo();
	life.on(node, "click", ({ target }) => {
		if (target instanceof HTMLButtonElement) acts.set({ byPosition: !state().byPosition });
	});
	return (scene) => {
		node.hidden = !scene.state.tableOpen;
		if (node.hidden) return;
		const { payload, view, query } = scene;
		onRow([payload, view, query, scene.state.byPosition], () =>
			node.replaceChildren(...table(scene)),
		);
	};
}

function table(scene: Scene): Node[] {
	const { view, causal, payload, query, head, state } = scene;
	const token = payload.tokens[query];
	if (view?.pooled !== 1 || !head || !token) return [h("p", {}, "No row at full resolution yet.")];
	const row = rowFor(scene, query);
	const keys = Array.from({ length: causal ? query + 1 : row.length }, (_, key) => key);
	const rank = (key: number) => (Number.isNaN(row[key]) ? -1 : Math.abs(row[key] ?? 0));
	if (!state.byPosition) keys.sort((a, b) => rank(b) - rank(a));
	const order = word(state.byPosition ? "by size" : "by position", { class: "iw-t iw-act" });
	const title = `${headName(head)}, query ${query} ${tokenText(token)} `;
	const what = quantity(scene).split(";")[0] ?? "";
	const names = ["key", "token", what].map((name) => h("th", { scope: "col" }, name));
	const body = keys.map((key) => line(scene, key, row[key] ?? 0));
	const rows = h("table", {}, h("thead", {}, h("tr", {}, ...names)), h("tbody", {}, ...body));
	return [div("h", h("b", {}, title), order), div("rows", rows)];
}

function line(scene: Scene, key: number, value: number): HTMLElement {
	const token = scene.payload.tokens[key];
	const name = h("td", {}, token ? tokenNode(token, 40) : "");
	const number = shown(scene, value, scene.view?.precision === "float16" ? 3 : 2);
	const right = { class: "iw-r" };
	return h("tr", {}, h("td", right, String(key)), name, h("td", right, number));
}

/** The whole head, tab-separated: token names across and down, then the numbers. */
export function asTsv(scene: Scene): string | null {
	const { payload, view, causal } = scene;
	if (view?.pooled !== 1) return null;
	const names = payload.tokens.map((token) => spelled(token).slice(1, -1));
	const lines = names.map((name, query) => {
		const row = rowFor(scene, query);
		const numbers = Array.from(row.subarray(0, causal ? query + 1 : row.length), (value) =>
			Number(value.toPrecision(5)),
		);
		return [name, ...numbers].join("\t");
	});
	return [["query \\ key", ...names].join("\t"), ...lines].join("\n");
}
