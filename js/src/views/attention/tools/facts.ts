import { h } from "../../../shared/dom";
import { list, plural, weight } from "../../../shared/format";
import type { Drawn } from "../map";
import { headName, type Scene } from "../scene";
import { scoreIn, scoreOf } from "./words";

type Content = (string | Node)[];

/** Over the map: the head's score, what is loading, which part is shown. */
export function subtitle({ state, view, head, payload, heads, ink }: Scene): string {
	const fetch = state.fetch.get(String(head));
	const score = scoreOf({ payload, state });
	const value = head && scoreIn(score, payload, head);
	const parts = [score && value !== null && `${score.title} ${weight(value ?? 0)}`];
	if (heads.length > 1) parts.push(`last of ${heads.length} selected`);
	parts.push(fetch?.message || false);
	if (view && view.pooled > 1 && fetch?.phase === "absent") parts.push("from its thumbnail");
	const { zoom } = state;
	if (zoom) parts.push(`queries ${zoom[0]}–${zoom[1] - 1}, keys ${zoom[2]}–${zoom[3] - 1}`);
	if (!payload.causal) parts.push("not causal");
	if (ink.top < payload.scale) parts.push("fit scale");
	return parts.filter(Boolean).join(" · ");
}

/** Facts only: what a mark means, what is missing, how exact the numbers are. */
export function captionOf(scene: Scene, { layout: { block } }: Drawn): Content {
	const { payload, head, heads, query, view, ink, state } = scene;
	const { pooled, layers, layer_runs: runs, scale, signed } = payload;
	const facts: string[] = [];
	const say = (when: unknown, fact: string) => {
		if (when) facts.push(fact);
	};
	const layersWhere = (test: (run: number | null) => boolean) =>
		list(layers.filter((_, i) => test(runs[i] ?? null)));
	const cells = (side: number) => `the largest of ${side} × ${side} pairs`;
	say(scoreOf(scene), "The bar under a square is its score.");
	say(pooled > 1, `A thumbnail's cell is ${cells(pooled)}.`);
	say(block > 1, `The map's cell is ${cells(block)}; zoom in (+) for single ones.`);
	say(ink.top < scale, `Thumbnails run to ${Number(scale.toPrecision(3))}.`);
	say(signed, "Blue is more, rust and − less.");
	const never = layersWhere((run) => run === null);
	const old = layersWhere((run) => run !== null && run < payload.run);
	say(never, `Hatched: layer ${never} not run.`);
	say(old, `Grey: layer ${old} from an earlier run.`);
	const bad = head
		? (payload.nonfinite[layers.indexOf(head[0])]?.[payload.heads.indexOf(head[1])] ?? 0)
		: 0;
	say(
		bad,
		`${plural(bad, "value")} of this head ${bad === 1 ? "is" : "are"} not finite (hatched).`,
	);
	const error = weight(signed ? scale / 254 : scale / 508, 3);
	say(view?.precision === "uint8" && view.pooled === 1, `Values are kept to ±${error}.`);
	say(
		payload.tokens.some((token) => token.generated),
		"Underlined tokens were generated.",
	);
	say(state.offline, "No kernel: other heads, prompts and new runs need Run.");
	const first = "Each square is one head: query tokens run down, key tokens across. ";
	if (!head) return [first, facts.join(" ")];
	const verb = heads.length > 1 ? "are" : "is";
	const name = h("b", {}, `${heads.map(headName).join(", ")} ${verb} selected`);
	return [first, name, `; the arcs read query ${query}. `, facts.join(" ")];
}
