import { describe, expect, it, vi } from "vitest";
import type { SteeringPayload } from "../src/contract.gen";
import { makeLife } from "../src/shared/life";
import { makeSlider } from "../src/shared/slider";
import steering from "../src/views/steering";
import {
	type Action,
	currentSetting,
	initial,
	isCurrent,
	reduce,
} from "../src/views/steering/state";
import { at } from "../src/views/steering/tools/numbers";
import { payload as attention, fakeModel, selection, status } from "./fake";

const token = (text: string) => ({ text, special: false, generated: true });

function payload(change: Partial<SteeringPayload> = {}): SteeringPayload {
	return {
		...{ version: 1, kind: "steering", run: 4, turn: 1, written: 1, turns: [], strongest: 1 },
		prompt: ["the", " cat"].map((text) => ({ text, special: false, generated: false })),
		dials: [
			{
				name: "happy",
				site: "resid_post",
				strength: 0,
				layers: [1],
				known: [0, 1, 2],
				units: [1, 2, 3],
				gate: "",
			},
		],
		positions: null,
		extras: [],
		writing: { max_new_tokens: 4, temperature: 0, seed: 0 },
		words: "nothing changed",
		base: { tokens: [token(" sat")], changed: [], touched: [], loss: 0.5, done: true },
		steered: { tokens: [token(" sat")], changed: [], touched: [], loss: 0.5, done: true },
		...{ metric: "", doses: [], can_show: false, stamp: attention().stamp },
		...change,
	};
}

const loaded = () => reduce(initial, { type: "payload", payload: payload() });
const told = (turn: number, first: number, text: string): Action => ({
	...{ type: "tokens", turn, side: "steered", first, tokens: [token(text)] },
});

describe("state", () => {
	it("keeps what was set here until Python has answered all of it", () => {
		let state = reduce(loaded(), { type: "set", change: { strengths: [0.5] } });
		state = reduce(state, { type: "set", change: { strengths: [0.75] } });
		state = reduce(state, { type: "payload", payload: payload({ turn: 2 }) });
		expect(currentSetting(state)?.strengths).toEqual([0.75]);
		expect(isCurrent(state)).toBe(false);
		state = reduce(state, { type: "answered", refused: false });
		expect(currentSetting(state)?.strengths).toEqual([0.75]);
		state = reduce(state, { type: "answered", refused: false });
		expect(currentSetting(state)?.strengths).toEqual([0]);
	});

	it("goes back to what Python has when it refuses", () => {
		let state = reduce(loaded(), { type: "set", change: { strengths: [9] } });
		state = reduce(state, { type: "answered", refused: true });
		expect(currentSetting(state)?.strengths).toEqual([0]);
	});

	it("streams tokens of the latest turn alone", () => {
		let state = reduce(loaded(), told(3, 0, "a"));
		state = reduce(state, told(3, 1, "b"));
		state = reduce(state, told(2, 0, "old"));
		expect(state.stream?.steered?.map(({ text }) => text)).toEqual(["a", "b"]);
		state = reduce(state, told(4, 0, "c"));
		expect(state.stream?.steered?.map(({ text }) => text)).toEqual(["c"]);
		state = reduce(state, { type: "payload", payload: payload({ turn: 4, written: 4 }) });
		expect(state.stream).toBeNull();
		expect(reduce(state, told(4, 1, "late")).stream).toBeNull();
	});

	it("lets go of a stream with a gap: the whole text follows", () => {
		const state = reduce(reduce(loaded(), told(3, 0, "a")), told(3, 5, "z"));
		expect(state.stream?.steered).toHaveLength(1);
	});
});

describe("a slider", () => {
	const one = () => {
		const input = vi.fn();
		const life = makeLife(new AbortController().signal, (error) => {
			throw error;
		});
		const slider = makeSlider(life, "happy", { input });
		const state = { value: 0.5, home: 0, least: -1, most: 1, step: 0.05, text: "+0.5" };
		slider.draw(state);
		const key = (name: string, shiftKey = false) =>
			slider.track.dispatchEvent(new KeyboardEvent("keydown", { key: name, shiftKey }));
		return { ...slider, input, key, state };
	};

	it("moves by steps, by ten with shift, to its ends, and home", () => {
		const { key, input, track } = one();
		key("ArrowRight");
		key("ArrowDown");
		key("ArrowLeft", true);
		key("End");
		track.dispatchEvent(new MouseEvent("dblclick"));
		expect(input.mock.calls.map(([value]) => value)).toEqual([0.55, 0.5, 0, 1, 0]);
	});

	it("says its value, and nothing moves it when it is disabled", () => {
		const { key, input, track, draw, state } = one();
		expect(track.getAttribute("aria-valuetext")).toBe("+0.5");
		draw({ ...state, disabled: true });
		key("ArrowRight");
		expect(input).not.toHaveBeenCalled();
	});
});

describe("at", () => {
	const dose = { strengths: [-1, 0, 1] } as never;

	it("reads between what was measured, and not beyond", () => {
		const line = [0, 0.5, 1];
		expect([-1, -0.5, 0.25, 1].map((one) => at(dose, line, one))).toEqual([0, 0.25, 0.625, 1]);
		expect(at(dose, line, 1.2)).toBeNull();
		expect(at(dose, line, -1.2)).toBeNull();
		expect(at(dose, [null, 0.5, 1], -0.5)).toBeNull();
	});
});

describe("the view", () => {
	it("draws hostile tokens as text, and asks Python once for a fast drag", async () => {
		const model = fakeModel({
			...{ view_id: "v1", status, selection: selection(), links: { group: "", warning: "" } },
			kept: { dial: 0, panel_open: false, table_open: false },
			payload: payload({
				base: {
					...{ changed: [], touched: [], loss: 1, done: true },
					tokens: [token("<script>x</script>")],
				},
			}),
		});
		const el = document.createElement("div");
		document.body.append(el);
		steering.render({ model: model.as(), el } as never);
		expect(el.querySelector("script")).toBeNull();
		expect(el.textContent).toContain("<script>x</script>");
		const track = el.querySelector<HTMLElement>('[role="slider"][aria-label="happy"]');
		for (let i = 0; i < 5; i++)
			track?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
		await vi.waitFor(() => expect(model.last("steer")?.strengths).toEqual([0.25]));
		expect(model.sent.filter(({ kind }) => kind === "steer").length).toBeLessThan(5);
	});
});
