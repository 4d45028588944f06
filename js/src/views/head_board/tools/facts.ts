import { h } from "../../../shared/dom";
import { list } from "../../../shared/format";
import type { Scene } from "../scene";
import { headName } from "../state";

const PARTS: Record<string, string> = {
	scores: "pattern scores",
	circuits: "weight circuits",
	attribution: "attribution",
};

/** Facts only: what a mark means, beside what, and what is missing. */
export function captionOf({ payload, numbers, state }: Scene): (string | Node)[] {
	const nulls = [...new Set(numbers.columns.map(({ info }) => info.null).filter(Boolean))];
	const facts = [
		"A bar runs from zero to the head’s number; grey is its control’s range, hollow is within it.",
		nulls.length > 0 && `Controls: ${nulls.join("; ")}.`,
		payload.scored_on && `Pattern scores are means over ${payload.scored_on}.`,
		numbers.column("ablation") && "Ablation is of each head alone, in the prompt as it is.",
		...payload.absent
			.filter(({ part }) => part !== "circuits")
			.map(({ part, why }) => `No ${PARTS[part] ?? part}: ${why}`),
		state.offline && "No kernel: ablation and other heads’ eigenvalues need Run.",
	];
	const chosen = state.heads.length
		? [" ", h("b", {}, `${state.heads.map(headName).join(", ")} selected.`)]
		: [];
	return [facts.filter(Boolean).join(" "), ...chosen];
}

export function tableLabel({ payload, numbers, order }: Scene): string {
	const of = numbers.columns.map(({ info }) => info.title).join(", ");
	return `${order.length} heads of layers ${list(payload.layers)} by ${of}; arrows move, Enter selects, space ablates`;
}
