import { plural, weight } from "../../../shared/format";
import { logits } from "../entries";
import type { Scene } from "../view";

/** Facts only: what a mark means, n, interval, control. */
export function captionOf({ payload, entries, state }: Scene): string[] {
	const banded = entries.some(({ chance }) => Number.isFinite(chance));
	const bare = entries.some(({ chance, rest }) => !rest && Number.isNaN(chance));
	const remainder = Math.abs(payload.remainder ?? Number.NaN);
	const facts = [
		"Each bar is what a part adds directly, the last norm held at this run's scale.",
		banded && "Grey: a random direction of the same length, 95 % of draws.",
		bare && "Bars without grey have no control.",
		payload.n > 1 && `Whiskers: 95 % over ${plural(payload.n, "prompt")}, bootstrap.`,
		remainder >= 1e-3 && `Remainder ${weight(remainder)}: written by no part shown here.`,
		payload.cap > 0 &&
			`Before the model's soft-cap of ${payload.cap}; behind it ${logits(payload.output ?? Number.NaN)}.`,
		state.offline && "No kernel: other breakdowns and positions need Run.",
	];
	return [facts.filter(Boolean).join(" ")];
}
