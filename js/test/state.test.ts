import { describe, expect, it } from "vitest";
import {
	type Action,
	chosen,
	chosenQuery,
	initial,
	reduce,
	type State,
} from "../src/views/attention/state";
import { payload } from "./fake";

const NONE = { layer: null, feature: null, prompt: null, lost: [] };
const live: State = { ...initial, payload: payload(), revision: 0 };
const local: State = { ...live, heads: [[1, 2]], edits: 1 };
const three = [0, 1, 2].map((i) => ({ text: `${i}`, special: false, generated: false }));

const table: [name: string, before: State, action: Action, after: Partial<State>][] = [
	[
		"a click picks one head",
		live,
		{ type: "head", head: [1, 2], add: false },
		{ heads: [[1, 2]], edits: 1 },
	],
	[
		"a shift-click adds a head",
		local,
		{ type: "head", head: [0, 1], add: true },
		{
			heads: [
				[1, 2],
				[0, 1],
			],
		},
	],
	[
		"a shift-click takes a selected head away",
		{
			...live,
			heads: [
				[1, 2],
				[0, 1],
			],
		},
		{ type: "head", head: [1, 2], add: true },
		{ heads: [[0, 1]] },
	],
	["the only head stays", local, { type: "head", head: [1, 2], add: true }, { heads: [[1, 2]] }],
	[
		"a layer that was not run cannot be picked",
		{ ...live, payload: payload({ layer_runs: [13, null] }) },
		{ type: "head", head: [1, 2], add: false },
		{ heads: [], edits: 0 },
	],
	["a query stays inside the prompt", live, { type: "query", query: 99 }, { edits: 0 }],
	["a query is a token", live, { type: "query", query: 2 }, { tokens: [2], edits: 1 }],
	[
		"a newer selection wins",
		live,
		{ type: "selection", selection: { ...NONE, heads: [[0, 1]], tokens: [1], revision: 1 } },
		{ heads: [[0, 1]], tokens: [1], revision: 1 },
	],
	[
		"an old selection is ignored",
		{ ...local, answered: 1, revision: 4 },
		{ type: "selection", selection: { ...NONE, heads: [[0, 1]], tokens: [1], revision: 4 } },
		{ heads: [[1, 2]], revision: 4 },
	],
	[
		"a selection waits for the answer to a local change",
		local,
		{ type: "selection", selection: { ...NONE, heads: [[0, 1]], tokens: [], revision: 1 } },
		{ heads: [[1, 2]], revision: 0 },
	],
	[
		"and is applied with it",
		{ ...local, incoming: { ...NONE, heads: [[0, 1]], tokens: [], revision: 1 } },
		{ type: "answered", edit: 1, offline: false },
		{ heads: [[0, 1]], revision: 1, incoming: null },
	],
	["a whole zoom is none", live, { type: "zoom", zoom: [0, 4, 0, 4] }, { zoom: null }],
	[
		"a zoom stays with as many tokens",
		{ ...live, zoom: [0, 4, 0, 4] },
		{ type: "payload", payload: payload({ run: 14 }) },
		{ zoom: [0, 4, 0, 4] },
	],
	[
		"a zoom goes with another number of tokens",
		{ ...live, zoom: [0, 4, 0, 4] },
		{ type: "payload", payload: payload({ tokens: three }) },
		{ zoom: null },
	],
	[
		"Escape closes the table first",
		{ ...live, tableOpen: true, panelOpen: true },
		{ type: "escape" },
		{ tableOpen: false, panelOpen: true },
	],
];

describe("reduce", () => {
	it.each(table)("%s", (_, before, action, after) => {
		expect(reduce(before, action)).toMatchObject(after);
	});
});

describe("what is drawn", () => {
	it("is the last selected head that has numbers", () => {
		const heads = [[0, 1] as const, [1, 1] as const];
		expect(chosen({ ...live, heads, payload: payload({ layer_runs: [13, null] }) })).toEqual([
			0, 1,
		]);
	});
	it("is the first head held without a selection", () => {
		expect(chosen({ ...live, payload: payload({ layer_runs: [null, 13] }) })).toEqual([1, 0]);
	});
	it("reads the last token without a selection", () => {
		expect(chosenQuery(live)).toBe(3);
	});
});
