import { h } from "../../../shared/dom";
import { plural } from "../../../shared/format";
import { tokenText } from "../../../shared/tokens";
import { beyond, number, type Scene } from "../scene";

/** Facts only: what a mark means, what is missing. */
export function captionOf({ payload, state, values, absent, row }: Scene): (string | Node)[] {
	const some = (test: (value: number) => boolean) =>
		values?.some((value, i) => !absent.has(i) && test(value));
	const bad = payload.nonfinite[row] ?? 0;
	const facts = [
		"Each token is coloured by its value.",
		payload.absent.length > 0 && "Bare tokens have no value.",
		payload.signed && some((value) => value < 0) && "Dashed below: negative.",
		some((value) => beyond(payload, value)) && "A clipped corner: beyond the scale.",
		bad > 0 && `${plural(bad, "value")} ${bad === 1 ? "is" : "are"} not finite (hatched).`,
		payload.tokens.some((token) => token.generated) && "Underlined tokens were generated.",
		state.offline && "No kernel: other texts and new runs need Run.",
	];
	const count = state.tokens.length;
	const chosen = count ? [" ", h("b", {}, `${plural(count, "token")} selected.`)] : [];
	return [facts.filter(Boolean).join(" "), ...chosen];
}

/** The text and where the keyboard is, for who hears it. */
export function textLabel({ payload, state, values, absent }: Scene): string {
	const { cursor, tokens } = state;
	const token = payload.tokens[cursor];
	const value = values?.[cursor];
	const none = absent.has(cursor) || value === undefined;
	const said = none ? "no value" : `${number(payload, value, 3)} ${payload.unit}`;
	const chosen = tokens.length ? `, ${tokens.length} selected` : "";
	const size = plural(payload.tokens.length, "token");
	return `text of ${size}${chosen}; position ${cursor} ${token ? tokenText(token) : ""}, ${said}`;
}
