import type { SteeringPayload, TokenInfo, WireText } from "../../contract.gen";
import { div, h, memo } from "../../shared/dom";
import { tokenNode } from "../../shared/tokens";
import { currentSetting, isCurrent, type State } from "./state";
import type { Base } from "./view";

interface Drawn {
	tokens: readonly TokenInfo[];
	text: WireText | null;
	writing: boolean;
	old: boolean;
}

/** What is on screen of a side: what streams, else what was written. */
function sideOf(state: State, payload: SteeringPayload, side: "base" | "steered"): Drawn {
	const streamed = state.stream?.[side] ?? null;
	if (streamed && (side === "steered" || !payload.base)) {
		const running = state.status.kind === "running";
		return { tokens: streamed, text: null, writing: running, old: false };
	}
	const text = payload[side];
	const old = side === "steered" ? !isCurrent(state) : false;
	return { tokens: text?.tokens ?? [], text, writing: false, old };
}

/** The two texts side by side; words that one of them lacks are underlined. */
export function makeTexts({ life, dispatch }: Base) {
	const sides = (["base", "steered"] as const).map((side) => {
		const head = div("h");
		const body = h("div", { class: "iw-st-text", "data-side": side });
		return { side, head, body, node: div("st-side", head, body), on: memo() };
	});
	const node = div("st-texts", ...sides.map((one) => one.node));
	life.on(node, "click", (event) => {
		const chip = event.target instanceof Element && event.target.closest<HTMLElement>("[data-pos]");
		if (chip)
			dispatch({
				type: "token",
				position: Number(chip.dataset.pos),
				add: event.ctrlKey || event.metaKey,
			});
	});

	function words(of: Drawn, payload: SteeringPayload, state: State, side: string): Node[] {
		const n = payload.prompt.length;
		const selected = new Set(
			side === "steered" ? state.tokens : state.tokens.filter((pos) => pos < n),
		);
		const touched = new Set(side === "steered" && !of.writing ? of.text?.touched : []);
		const changed = new Set(of.text?.changed);
		const starts = new Map(payload.turns.map(({ role, start }) => [start, role]));
		const chip = (token: TokenInfo, pos: number, cls: string) => {
			const marks = [
				cls,
				selected.has(pos) && "iw-st-sel",
				touched.has(pos) && payload.dials.some(({ gate }) => gate) && "iw-st-fired",
			];
			const one = h(
				"span",
				{ class: marks.filter(Boolean).join(" "), "data-pos": pos },
				tokenNode(token, 60, true),
			);
			const role = starts.get(pos);
			return role ? [h("span", { class: "iw-st-role" }, role), one] : [one];
		};
		const given = payload.prompt.flatMap((token, i) => chip(token, i, "iw-st-given"));
		const wrote = of.tokens.flatMap((token, i) =>
			chip(token, n + i, changed.has(i) ? "iw-st-other" : ""),
		);
		const caret = of.writing ? [h("i", { class: "iw-st-caret" })] : [];
		return [...given, ...wrote, ...caret];
	}

	return {
		node,
		draw(state: State, payload: SteeringPayload) {
			const setting = currentSetting(state);
			for (const { side, head, body, on } of sides) {
				const of = sideOf(state, payload, side);
				const strengths = (setting?.strengths ?? []).map((strength) =>
					strength.toFixed(2).replace("-", "−"),
				);
				const said = side === "base" ? "as the model is" : `at ${strengths.join(", ")}`;
				head.replaceChildren(h("b", {}, side === "base" ? "Base" : "Steered"), h("span", {}, said));
				body.classList.toggle("iw-st-old", of.old && state.status.kind === "running");
				on(
					[payload.prompt, of.tokens, of.text, of.writing, String(state.tokens), payload.dials],
					() => body.replaceChildren(...words(of, payload, state, side)),
				);
			}
		},
	};
}
