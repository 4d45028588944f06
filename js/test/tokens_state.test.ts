import { describe, expect, it } from "vitest";
import { beyond, number, share } from "../src/views/tokens/scene";
import {
	type Action,
	activePosition,
	initial,
	membersOf,
	reduce,
	rowAt,
	rowCount,
	rowName,
	type State,
} from "../src/views/tokens/state";
import { payload, rows } from "./tokens_fake";

const live: State = { ...initial, payload: payload() };
const two: State = { ...live, tokens: [1, 2], anchor: 1, cursor: 2 };
const shown = { heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] };
const lost = [{ position: 9, text: "x" }];

const table: [name: string, before: State, action: Action, after: Partial<State>][] = [
	["a click selects one", two, { type: "press", position: 3 }, { tokens: [3], edits: 1 }],
	[
		"a shift-click selects from the click before",
		{ ...live, tokens: [1], anchor: 1 },
		{ type: "press", position: 3, extend: true },
		{ tokens: [1, 2, 3], cursor: 3, anchor: 1 },
	],
	[
		"a range may go backwards; where the person is, is last",
		{ ...live, anchor: 3 },
		{ type: "press", position: 1, extend: true },
		{ tokens: [3, 2, 1], cursor: 1 },
	],
	["control adds one", two, { type: "press", position: 0, add: true }, { tokens: [1, 2, 0] }],
	["control takes one away", two, { type: "press", position: 1, add: true }, { tokens: [2] }],
	["outside there is nothing", two, { type: "press", position: 4 }, { tokens: [1, 2], edits: 0 }],
	["the same again is no edit", two, { type: "press", position: 2, extend: true }, { edits: 0 }],
	[
		"other tokens replace lost ones",
		{ ...live, lost },
		{ type: "press", position: 1 },
		{ lost: [] },
	],
	[
		"an arrow moves the cursor and reads there",
		two,
		{ type: "move", to: 3, extend: false },
		{ cursor: 3, hover: 3, tokens: [1, 2], edits: 0 },
	],
	["the cursor stays in the text", two, { type: "move", to: 99, extend: false }, { cursor: 3 }],
	["shift extends", two, { type: "move", to: 3, extend: true }, { tokens: [1, 2, 3], edits: 1 }],
	["Enter selects", { ...two, cursor: 0 }, { type: "take" }, { tokens: [0], edits: 1 }],
	[
		"Escape takes the reading back first",
		{ ...two, hover: 1 },
		{ type: "escape" },
		{ hover: null },
	],
	["then the selection", two, { type: "escape" }, { tokens: [], edits: 1 }],
	["then the table", { ...live, tableOpen: true }, { type: "escape" }, { tableOpen: false }],
	["then the panel", { ...live, panelOpen: true }, { type: "escape" }, { panelOpen: false }],
	[
		"what others select is kept as it is",
		live,
		{ type: "selection", selection: { ...shown, heads: [[1, 2]], tokens: [3], feature: 7, lost } },
		{ heads: [[1, 2]], tokens: [3], feature: 7, lost, cursor: 3, edits: 0 },
	],
	["a row stays inside", { ...live, payload: rows(3) }, { type: "row", row: 9 }, { row: 2 }],
	[
		"a shorter text takes the cursor along",
		{ ...two, cursor: 3, hover: 3 },
		{ type: "payload", payload: payload({ tokens: payload().tokens.slice(0, 2) }) },
		{ cursor: 1, hover: null },
	],
	[
		"what was kept comes back",
		live,
		{
			type: "kept",
			kept: { row: 2, panel_open: true, table_open: true, by_value: true, most: 5 },
		},
		{ row: 2, panelOpen: true, tableOpen: true, byValue: true, most: 5 },
	],
];

describe("the state of TokensView", () => {
	it.each(table)("%s", (_, before, action, after) => {
		expect(reduce(before, action)).toMatchObject(after);
	});
	it("stays the same object when nothing changes", () => {
		for (const action of [
			{ type: "hover", position: null },
			{ type: "row", row: 0 },
			{ type: "told", offline: false },
		] as const) {
			expect(reduce(live, action)).toBe(live);
		}
	});
	it("reads what is under the pointer, else the last that is selected", () => {
		expect(activePosition({ ...two, hover: 0 })).toBe(0);
		expect(activePosition(two)).toBe(2);
		expect(activePosition(live)).toBeNull();
	});
});

describe("rows", () => {
	const axes = [
		{ name: "layer", labels: ["0", "1"] },
		{ name: "neuron", labels: ["a", "b", "c"] },
	];
	const grid = payload({ rows: [], row_axes: axes });
	it("are a product of their axes, the last one fastest", () => {
		expect(rowCount(grid)).toBe(6);
		expect(membersOf(grid, 4)).toEqual([1, 1]);
		expect(rowName(grid, 4)).toBe("layer 1, neuron b");
		for (let row = 0; row < 6; row++) expect(rowAt(grid, membersOf(grid, row))).toBe(row);
	});
	it("have names of their own without axes", () => {
		expect(rowName(rows(2), 1)).toBe("row 1");
	});
});

describe("values", () => {
	it("run from end to end", () => {
		expect(share(payload({ scale: [2, 8] }), 5)).toBe(0.5);
		expect(share(payload({ scale: [2, 8] }), 1)).toBe(0);
	});
	it("have an own end on each side of zero when signed", () => {
		const signed = payload({ signed: true, scale: [-4, 1] });
		expect(share(signed, -2)).toBe(-0.5);
		expect(share(signed, 0.5)).toBe(0.5);
		expect(share(signed, -9)).toBe(-1);
		expect(share(payload({ signed: true, scale: [0, 2] }), -1)).toBe(0);
	});
	it("are beyond the scale where they are, and infinity is not a place", () => {
		const scale = payload({ scale: [-1, 2] });
		expect([-1, 2, 2.1, -1.1, Number.POSITIVE_INFINITY].map((v) => beyond(scale, v))).toEqual([
			...[false, false, true, true, false],
		]);
		expect(beyond(payload({ scale: [0, Math.fround(0.1)] }), Math.fround(0.1))).toBe(false);
	});
	it("are printed with a sign where signs matter", () => {
		expect(number(payload(), 3.306)).toBe("3.31");
		expect(number(payload({ signed: true }), 2.6)).toBe("+2.60");
		expect(number(payload({ signed: true }), -2.6)).toBe("−2.60");
		expect(number(payload(), 12345.6)).toBe("12,346");
		expect(number(payload(), Number.NaN)).toBe("NaN");
	});
});
