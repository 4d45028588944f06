import { legend } from "../../../shared/chrome";
import { set } from "../../../shared/dom";
import { integer, plural, weight } from "../../../shared/format";
import { tokenText } from "../../../shared/tokens";
import { type Scene, word } from "../scene";
import type { Measure, State } from "../state";

export const TITLES: Record<Measure, string> = {
	probability: "probability",
	rank: "rank",
	entropy: "entropy, nats",
	kl: "KL to the last layer, nats",
};

/** What the colours are of, for the legend. */
export function measured({ payload, measure, target }: Scene): string {
	const of = payload.targets[target];
	if (measure === "probability" || measure === "rank")
		return `${TITLES[measure]} of ${of ? tokenText(word(of.text)) : "the token shown"}`;
	return TITLES[measure];
}

/** A measure's number as it is printed. */
export function number(measure: Measure, value: number, places = 3): string {
	if (measure === "rank") return Number.isFinite(value) ? integer(value) : "not read";
	return weight(value, measure === "probability" ? places : 2);
}

/** The ramp with its ends, and what it is of. */
export function scaleOf(scene: Scene): Node {
	const { measure, top } = scene;
	const [low, high] =
		measure === "rank"
			? [`rank ${integer(top)}`, "1"]
			: ["0", measure === "probability" ? "1" : number(measure, top)];
	const node = legend(low, high, measured(scene));
	set(node, { class: "iw-ln-legend" });
	return node;
}

/** What stands in the title line and before the figure. */
export function saidOf({ links, lost }: State, scene: Scene | null) {
	const gone = lost.map(({ text, position }) => `‹${text.trim()}› at ${position}`).join(", ");
	const missing = gone && `selected token ${gone} is not in this prompt`;
	return { sub: scene ? subtitle(scene) : "", notes: [links.warning, missing].filter(Boolean) };
}

function subtitle({ payload, measure, target, width }: Scene): string {
	const { layers, tokens } = payload;
	const size = `${plural(layers.length, "layer")} × ${plural(tokens.length, "token")}`;
	const of = payload.targets[target];
	const shown = of && measure !== "entropy" ? `of ${tokenText(word(of.text))}` : "";
	const where =
		payload.site === "resid_post" ? "after each layer" : `at ${payload.site} of each layer`;
	const what = payload.k ? `top token ${where}` : "";
	return [width >= 700 && what, size, shown].filter(Boolean).join(", ");
}
