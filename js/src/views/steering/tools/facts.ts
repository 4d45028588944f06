import type { SteeringPayload, WireDose, WireLine } from "../../../contract.gen";
import { div, h } from "../../../shared/dom";
import { integer } from "../../../shared/format";
import { act } from "../../../shared/status";
import { chosenDial, currentSetting, isCurrent, type State } from "../state";
import type { Core } from "../view";
import { doseOf } from "./chart";
import { at, number } from "./numbers";

/** Effect, loss and how much changed; the control is the last column. */
export function makeFacts({ facts }: Core): (state: State, payload: SteeringPayload) => void {
	return (state, payload) => {
		const dose = doseOf(state);
		const strength = currentSetting(state)?.strengths[chosenDial(state)] ?? 0;
		const rows = [
			...(dose ? [effectRow(dose, strength)] : []),
			lossRow(state, payload, dose, strength),
			changedRow(state, payload),
		];
		const head = ["", "base", "steered", "random, 95 %"].map((text) => h("th", {}, text));
		const table = h("table", {}, h("tr", {}, ...head));
		for (const cells of rows) {
			const first = h("td", {}, cells[0] ?? "");
			table.append(h("tr", {}, first, ...cells.slice(1).map((cell) => h("td", {}, cell))));
		}
		facts.replaceChildren(table, ...showLine(state, payload));
	};
}

const range = (dose: WireDose, line: WireLine, strength: number, loss: boolean): string => {
	const low = at(dose, line.control_low, strength);
	const high = at(dose, line.control_high, strength);
	if (low === null || high === null) return "no control";
	return `${number(low, dose.metric, loss)}–${number(high, dose.metric, loss)}`;
};

function effectRow(dose: WireDose, strength: number): string[] {
	const { metric, effect } = dose;
	const values = [0, strength].map((one) => number(at(dose, effect.mean, one), metric, false));
	return [metric, values[0] ?? "", values[1] ?? "", range(dose, effect, strength, false)];
}

function lossRow(
	state: State,
	{ base, steered }: SteeringPayload,
	dose: WireDose | null,
	strength: number,
): string[] {
	const now = isCurrent(state) ? (steered?.loss ?? null) : null;
	const control = dose ? range(dose, dose.loss, strength, true) : "no control";
	return [
		"loss of its own text, nats",
		number(base?.loss ?? null, "", true),
		number(now, "", true),
		control,
	];
}

function changedRow(state: State, { steered }: SteeringPayload): string[] {
	const known = isCurrent(state) && steered;
	const text = known
		? `${integer(steered.changed.length)} of ${integer(steered.tokens.length)}`
		: "–";
	return ["tokens changed", "", text, ""];
}

/** The steered run, one click away for lens and attention. */
function showLine(state: State, payload: SteeringPayload): Node[] {
	const streamed = state.stream?.steered?.length;
	const many = payload.writing.max_new_tokens;
	const running = state.status.kind === "running" && streamed !== undefined;
	const said = running ? `token ${streamed} of ${many} · moving a slider stops this run` : "";
	const line = div("st-note", said);
	if (payload.can_show && payload.steered && !running && !state.offline)
		line.append(
			"show in the board's views: ",
			act("steered", "show-steered"),
			" · ",
			act("base", "show-base"),
		);
	return [line];
}

export function captionOf({ doses }: SteeringPayload): (Node | string)[] {
	const parts = [
		"Strength 1 adds a vector as long as the site's mean one there. Underlined: not in the other text (longest common parts); the same noise for both.",
		"Loss: mean surprisal of what was written to the model as it is.",
		doses.length
			? "Whiskers: 95 %, bootstrap over prompts. Between measured strengths: straight lines."
			: "",
	];
	return [parts.filter(Boolean).join(" ")];
}
