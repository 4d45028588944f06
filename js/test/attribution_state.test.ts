import { describe, expect, it } from "vitest";
import { chosenBy, entriesOf, logits, nameOf } from "../src/views/attribution/entries";
import {
	type Action,
	activeRow,
	initial,
	reduce,
	type State,
} from "../src/views/attribution/state";
import { golden, kept, many, payload, wire } from "./attribution_fake";

const live: State = { ...initial, payload: payload() };
const bySource: State = { ...live, by: "source" };
const byComponent: State = { ...live, by: "component" };
const names = (state: State) =>
	entriesOf(state).map((entry) => {
		const { text, token } = nameOf(state.payload ?? payload(), entry);
		return token ? `${text} ${token.text}` : text;
	});
const total = (state: State) => entriesOf(state).reduce((sum, { value }) => sum + value, 0);

const table: [name: string, before: State, action: Action, after: Partial<State>][] = [
	["a head bar opens its head", live, { type: "press", row: 2 }, { heads: [[1, 2]], edits: 1 }],
	["a layer bar selects its layer", live, { type: "press", row: 0 }, { layer: 1, heads: [] }],
	[
		"a source bar selects its head and its token",
		bySource,
		{ type: "press", row: 0 },
		{ heads: [[1, 2]], tokens: [3], edits: 1 },
	],
	[
		"control adds a head",
		{ ...live, heads: [[0, 1]] },
		{ type: "press", row: 2, add: true },
		{
			heads: [
				[0, 1],
				[1, 2],
			],
		},
	],
	[
		"control takes it away",
		{ ...live, heads: [[1, 2]] },
		{ type: "press", row: 2, add: true },
		{
			heads: [],
		},
	],
	["embeddings select nothing", byComponent, { type: "press", row: 1 }, { edits: 0, cursor: 1 }],
	["the remainder selects nothing", live, { type: "press", row: 3 }, { edits: 0 }],
	["the same again is no edit", { ...live, layer: 1 }, { type: "press", row: 0 }, { edits: 0 }],
	[
		"a token of the strip selects both",
		live,
		{ type: "token", head: [1, 2], position: 0 },
		{
			heads: [[1, 2]],
			tokens: [0],
		},
	],
	[
		"escape lets go of the pointer first",
		{ ...live, hover: 1, layer: 1 },
		{ type: "escape" },
		{
			hover: null,
			layer: 1,
		},
	],
	[
		"then of the selection",
		{ ...live, layer: 1, heads: [[1, 2]] },
		{ type: "escape" },
		{
			...{ layer: null, heads: [], edits: 1 },
		},
	],
	[
		"then of the table",
		{ ...live, tableOpen: true, panelOpen: true },
		{ type: "escape" },
		{
			...{ tableOpen: false, panelOpen: true },
		},
	],
	[
		"what Python keeps is taken over",
		live,
		{ type: "kept", kept: { ...kept, by: "source", order: "layer" } as never },
		{
			...{ by: "source", order: "layer" },
		},
	],
];

describe("the state", () => {
	it.each(table)("%s", (_, before, action, after) => {
		expect(reduce(before, action)).toMatchObject(after);
	});
	it("unfolds the others when their bar is clicked", () => {
		const state = { ...live, payload: payload({ bars: [many(20)] }) };
		expect(reduce(state, { type: "press", row: 12 })).toMatchObject({ every: true, edits: 0 });
	});
});

describe("the rows", () => {
	it("are sorted by value, the remainder last", () => {
		expect(names(live)).toEqual(["L1 MLP", "L0 H1", "L1 H2", "remainder"]);
	});
	it("may be in the order of the layers", () => {
		expect(names({ ...byComponent, order: "layer" })).toEqual([
			...["embeddings", "L0 attn", "L1 MLP", "final bias", "remainder"],
		]);
	});
	it("are the twelve largest and the others as one, so that they sum to the logit", () => {
		const bars = many(20, { rest_count: 100, rest_value: 0.125 });
		const state = { ...live, payload: payload({ bars: [bars], remainder: 0.5 }) };
		expect(names(state)).toHaveLength(14);
		expect(names(state)[12]).toBe("108 others");
		const whole = { ...state, every: true };
		expect(names(whole)).toHaveLength(22);
		expect(total(state)).toBeCloseTo(total(whole), 5);
	});
	it("fold no single one away", () => {
		const state = { ...live, payload: payload({ bars: [many(13)] }) };
		expect(names(state)).toHaveLength(14);
		expect(names(state)).not.toContain("1 other");
	});
	it("have a head that is selected elsewhere, however small", () => {
		const state: State = { ...live, payload: payload({ bars: [many(20)] }), heads: [[18, 0]] };
		expect(names(state)).toContain("L18 H0");
		expect(names(state)).toContain("7 others");
		expect(entriesOf(state).filter(({ selected }) => selected)).toHaveLength(1);
	});
	it("say position and token of a source; of other texts the position alone", () => {
		expect(names(bySource)[0]).toBe("L1 H2 ← 3 c");
		const mixed = { ...bySource, payload: payload({ same_text: false }) };
		expect(names(mixed)[0]).toBe("L1 H2 ← 3");
	});
	it("mark a source by its head, and by its token where one is selected", () => {
		const marked = (state: State) => entriesOf(state).map(({ selected }) => selected);
		expect(marked({ ...bySource, heads: [[1, 2]] })).toEqual([true, false, true, false]);
		expect(marked({ ...bySource, heads: [[1, 2]], tokens: [0] })).toEqual([
			...[false, false, true, false],
		]);
	});
	it("of what Python sent sum to its logit, by every breakdown", () => {
		const sent = golden();
		for (const { by } of sent.bars) {
			const state: State = { ...initial, payload: sent, by };
			expect(chosenBy(state)).toBe(by);
			expect(total(state)).toBeCloseTo(sent.logit ?? Number.NaN, 4);
		}
		expect(sent.bars).toHaveLength(4);
	});
	it("are refused where numbers are missing", () => {
		const broken = wire("head", [[["head", 0, 0, -1], 1]]);
		const numbers = new Uint8Array(12);
		const state = { ...live, payload: payload({ bars: [{ ...broken, numbers }] }) };
		expect(() => entriesOf(state)).toThrow("1 bars came as 3 numbers");
	});
});

describe("what is read", () => {
	it("is what is pointed at, else what is selected, else the largest", () => {
		const at = (state: State) => activeRow(state, entriesOf(state));
		expect(at(live)).toBe(0);
		expect(at({ ...live, heads: [[1, 2]] })).toBe(2);
		expect(at({ ...live, heads: [[1, 2]], hover: 1 })).toBe(1);
	});
	it("prints its sign always", () => {
		expect([2.606, -0.5, 0, -0.001, Number.NaN].map(logits)).toEqual([
			...["+2.61", "−0.50", "+0.00", "−0.00", "NaN"],
		]);
	});
});
