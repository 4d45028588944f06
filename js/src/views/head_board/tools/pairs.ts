import type { ComposedPair } from "../../../contract.gen";
import { div, h, memo, set, word } from "../../../shared/dom";
import { integer, weight } from "../../../shared/format";
import { KINDS } from "../numbers";
import type { Scene } from "../scene";
import { type HeadId, headAt, headName, sameHead } from "../state";
import type { Core } from "../view";
import { kindIndex } from "./composed";

const SHORT = 12;
const LONG = 200;

interface Pair {
	from: HeadId;
	to: HeadId;
	score: number;
	ratio: number;
}

/** The pairs beyond random matrices; all of them, as far as the page has them, as a table. */
export function makePairs({ life, acts, state }: Core) {
	const title = h("div", { class: "iw-h" });
	const body = h("tbody");
	const names = ["sender → receiver", "score", "× random"].map((name) =>
		h("th", { scope: "col" }, name),
	);
	const table = h("table", { class: "iw-hb-pairs" }, h("thead", {}, h("tr", {}, ...names)), body);
	const more = word("all pairs", { class: "iw-t iw-act", title: "all pairs as a table (T)" });
	const node = div("hb-named", title, div("hb-rows", table), more);
	life.on(more, "click", () => acts.set({ tableOpen: !state().tableOpen }));
	life.on(body, "click", ({ target }) => {
		const row = target instanceof Element ? target.closest<HTMLElement>("[data-pair]") : null;
		if (!row) return;
		const [a = 0, b = 0, c = 0, d = 0] = (row.dataset.pair ?? "").split(",").map(Number);
		acts.set({
			heads: [
				[a, b],
				[c, d],
			],
			edits: state().edits + 1,
		});
	});
	const onPairs = memo();
	return {
		node,
		draw(scene: Scene | null): void {
			node.hidden = !scene?.payload.composition?.n_pairs;
			if (!scene?.payload.composition || node.hidden) return;
			const { payload, state: now } = scene;
			const { composition } = scene.payload;
			onPairs([payload, now.kind, now.tableOpen, now.heads], () => {
				const beyond = composition.beyond[kindIndex(scene)] ?? 0;
				const of = `${integer(beyond)} of ${integer(composition.n_pairs)} pairs beyond random`;
				title.textContent = now.tableOpen ? `${of}; the strongest first` : of;
				const pairs = now.tableOpen ? longList(scene) : named(scene);
				body.replaceChildren(...pairs.map((pair) => rowOf(pair, now.heads, composition.high)));
				table.hidden = pairs.length === 0;
				more.textContent = now.tableOpen ? "fewer" : "all pairs";
				more.hidden = composition.by === "layer" && !now.tableOpen;
			});
		},
	};
}

const pairOf = ({ heads: [from, to], score, ratio }: ComposedPair): Pair => ({
	from,
	to,
	score,
	ratio,
});

function named({ payload, state }: Scene): Pair[] {
	const of = payload.composition?.pairs.filter(({ kind }) => kind === state.kind) ?? [];
	return of.slice(0, SHORT).map(pairOf);
}

function longList(scene: Scene): Pair[] {
	const { payload, numbers, state } = scene;
	const { composition, layers, heads } = payload;
	if (composition?.by !== "head") return named(scene);
	const kind = KINDS.indexOf(state.kind);
	const count = layers.length * heads;
	const pairs: Pair[] = [];
	for (let from = 0; from < count; from++)
		for (let to = 0; to < count; to++) {
			const score = numbers.composed(kind, from, to);
			if (Number.isFinite(score))
				pairs.push({
					from: headAt(payload, from),
					to: headAt(payload, to),
					score,
					ratio: score / composition.mean,
				});
		}
	return pairs.sort((a, b) => b.score - a.score).slice(0, LONG);
}

function rowOf(
	{ from, to, score, ratio }: Pair,
	heads: readonly HeadId[],
	high: number,
): HTMLElement {
	const [one, other] = heads.slice(-2);
	const chosen = one && other && sameHead(one, from) && sameHead(other, to);
	const name = word(`${headName(from)} → ${headName(to)}`);
	const row = h(
		"tr",
		{ "data-pair": [...from, ...to].join(","), class: chosen ? "iw-hb-chosen" : "" },
		h("td", {}, name),
		h("td", { class: "iw-r" }, weight(score, 3)),
		h("td", { class: "iw-r" }, ratio.toFixed(1)),
	);
	set(row, {
		class: [chosen && "iw-hb-chosen", score <= high && "iw-dim"].filter(Boolean).join(" "),
	});
	return row;
}
