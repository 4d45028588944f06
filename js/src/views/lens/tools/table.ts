import { h, memo } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { spelled, tokenNode } from "../../../shared/tokens";
import { type Scene, word } from "../scene";
import { layerOf, shownPosition } from "../state";
import type { Core } from "../view";
import { number } from "./words";

const BEST = 5;

/** The predictions at one position in numbers, a row a layer. */
export function makeTable({ table: node }: Core): (scene: Scene) => void {
	const onColumn = memo();
	node.className = "iw-ln-table";
	return (scene) => {
		const { state, payload, store } = scene;
		node.hidden = !state.tableOpen;
		if (!state.tableOpen) return;
		onColumn([payload, store.version, shownPosition(state), state.fetch], () =>
			node.replaceChildren(...tableOf(scene)),
		);
	};
}

function tableOf(scene: Scene): Node[] {
	const { payload, state, store } = scene;
	const position = shownPosition(state);
	const token = payload.tokens[position];
	const title = h("div", { class: "iw-h" }, h("b", {}, `Position ${position}`));
	if (token) title.append(tokenNode(token));
	if (!store.columns.has(position)) return [title, h("p", {}, state.fetch || "loading")];
	const followed = payload.targets.flatMap(({ text }) => [tokenNode(word(text), 16), "rank"]);
	const names = ["layer", "entropy", "KL", ...followed, "most probable"];
	const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
	const body = payload.layers.map((_, row) => lineOf(scene, row, position));
	const rows = h("div", { class: "iw-ln-rows" });
	rows.append(h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)));
	return [title, rows];
}

/** Everything that is known of a prediction. */
function numbersOf({ payload, store }: Scene, row: number, position: number) {
	const { k, layers, tokens, targets } = payload;
	const at = layers.length - 1 - row;
	const column = store.columns.get(position);
	const map = (name: "entropy" | "kl") => store.map(name)?.[at * tokens.length + position];
	const best = Array.from({ length: k }, (_, i) => ({
		id: column?.ids[at * k + i] ?? -1,
		probability: Math.exp(column?.logprob[at * k + i] ?? Number.NaN),
	})).filter(({ id }) => id >= 0);
	const followed = targets.map((_, i) => ({
		probability: Math.exp(column?.targetLogprob[at * targets.length + i] ?? Number.NaN),
		rank: (column?.targetRank[at * targets.length + i] ?? -1) + 1 || Number.NaN,
	}));
	return { layer: layerOf(payload, row), entropy: map("entropy"), kl: map("kl"), best, followed };
}

function lineOf(scene: Scene, row: number, position: number): HTMLElement {
	const { layer, entropy, kl, best, followed } = numbersOf(scene, row, position);
	const nats = (value: number | undefined) => (value === undefined ? "" : number("entropy", value));
	const numbers = [
		...[`L${layer}`, nats(entropy), nats(kl)],
		...followed.flatMap(({ probability, rank }) => [weight(probability, 3), number("rank", rank)]),
	];
	const words = best
		.slice(0, BEST)
		.flatMap(({ id, probability }, i) => [
			i ? " · " : "",
			tokenNode(word(scene.store.text(id)), 16),
			` ${weight(probability, 3)}`,
		]);
	const cells = numbers.map((cell) => h("td", { class: "iw-r" }, cell));
	return h("tr", {}, ...cells, h("td", {}, ...words));
}

/** The same, tab-separated, with all tokens that are kept. */
export function asTsv(scene: Scene): string | null {
	const { payload, state, store } = scene;
	const position = shownPosition(state);
	if (!store.columns.has(position)) return null;
	const plain = (text: string) => spelled({ text }).slice(1, -1);
	const followed = payload.targets.flatMap(({ text }) => [
		`p ${plain(text)}`,
		`rank ${plain(text)}`,
	]);
	const best = Array.from({ length: payload.k }, (_, i) => [`token ${i + 1}`, `p ${i + 1}`]).flat();
	const head = ["layer", "position", "entropy", "kl", ...followed, ...best];
	const lines = payload.layers.map((_, row) => {
		const of = numbersOf(scene, row, position);
		const targets = of.followed.flatMap(({ probability, rank }) => [probability, rank]);
		const words = of.best.flatMap(({ id, probability }) => [plain(store.text(id)), probability]);
		return [of.layer, position, of.entropy ?? "", of.kl ?? "", ...targets, ...words].join("\t");
	});
	return [head.join("\t"), ...lines].join("\n");
}
