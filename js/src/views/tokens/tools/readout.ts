import type { TokenInfo } from "../../../contract.gen";
import { h, memo } from "../../../shared/dom";
import { integer, percent, weight } from "../../../shared/format";
import { tokenNode } from "../../../shared/tokens";
import { number, type Scene } from "../scene";
import { activePosition, rowCount, rowName } from "../state";
import type { Core } from "../view";

/** More rows than this are read one at a time. */
const MOST_ROWS = 12;

/** What is at one position: its value, and what the model expected there. */
export function makeReadout({ readout }: Core): (scene: Scene) => void {
	const onPosition = memo();
	return (scene) => {
		const { state, payload, values, row } = scene;
		const active = activePosition(state);
		const position = active ?? largest(scene);
		onPosition([payload, values, row, position, active === null, state.fetch], () =>
			readout.replaceChildren(...describe(scene, position, active === null)),
		);
	};
}

/** Where the value is farthest from zero. */
function largest({ values, absent }: Scene): number {
	let [best, most] = [0, -1];
	for (const [i, value] of (values ?? new Float32Array()).entries()) {
		if (!Number.isFinite(value) || absent.has(i) || Math.abs(value) <= most) continue;
		[best, most] = [i, Math.abs(value)];
	}
	return best;
}

function describe(scene: Scene, position: number, own: boolean): Node[] {
	const { payload, values, absent, row, state } = scene;
	const token = payload.tokens[position];
	if (!token) return [];
	if (!values) return [h("div", { class: "iw-leg-what" }, state.fetch?.message ?? "loading")];
	const value = values[position] ?? Number.NaN;
	const shown = absent.has(position) ? "no value" : number(payload, value, 3);
	const unit = absent.has(position) ? "" : ` ${payload.unit}`;
	const line = h("div", { class: "iw-tx-what" }, tokenNode(token, 24), h("b", {}, shown), unit);
	const where = [
		`position ${position}`,
		own && "the largest value",
		token.generated && "generated",
	];
	const name = rowCount(payload) > 1 ? rowName(payload, row) : "";
	const facts = h("div", { class: "iw-leg-what" }, [name, ...where].filter(Boolean).join(" · "));
	return [line, facts, ...ranked(scene, position), ...otherRows(scene, position)];
}

function ranked({ payload, rows }: Scene, position: number): Node[] {
	const rank = payload.rank?.[position] ?? -1;
	const guesses = rows.expected(position);
	if (rank < 0) return [];
	const more = rank === 1 ? "token was" : "tokens were";
	const said = rank ? `${integer(rank)} ${more} more probable` : "the most probable token";
	const most = Math.max(...guesses.map((guess) => guess.probability), 0) || 1;
	const lines = guesses.map(({ word, probability }, i) => {
		const token: TokenInfo = { text: word, special: false, generated: false };
		const bar = h("i", { style: `width:${(100 * probability) / most}%` });
		const attrs = { class: i === rank ? "iw-tx-guess iw-b" : "iw-tx-guess" };
		const name = h("span", {}, i === rank ? "▸" : "", tokenNode(token, 16));
		return h("div", attrs, name, h("span", { class: "iw-tx-track" }, bar), chance(probability));
	});
	return [h("div", { class: "iw-leg-what" }, said), ...lines];
}

const chance = (probability: number): string =>
	probability >= 0.01 ? percent(probability) : weight(probability);

function otherRows({ payload, rows, row }: Scene, position: number): Node[] {
	const count = rowCount(payload);
	if (count < 2 || count > MOST_ROWS) return [];
	return Array.from({ length: count }, (_, other) => {
		const value = rows.get(other)?.[position];
		const shown = value === undefined ? "" : number(payload, value, 3);
		const attrs = { class: other === row ? "iw-tx-other iw-b" : "iw-tx-other" };
		return h("div", attrs, h("span", {}, rowName(payload, other)), h("span", {}, shown));
	});
}
