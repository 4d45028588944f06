import { describe, expect, it } from "vitest";
import {
	type Change,
	chosenQuery,
	drawnHeads,
	initial,
	onPayload,
	type State,
} from "../src/views/attention/state";
import { escaped, moved, withHead, withToken } from "../src/views/attention/tools/selecting";
import { payload } from "./fake";

const live: State = { ...initial, payload: payload() };
const local: State = { ...live, heads: [[1, 2]], edits: 1 };
const two: State = {
	...live,
	heads: [
		[1, 2],
		[0, 1],
	],
};
const three = [0, 1, 2].map((i) => ({ text: `${i}`, special: false, generated: false }));

const changes: [name: string, change: Change, expected: Change][] = [
	["a click picks one head", withHead(live, [1, 2], false), { heads: [[1, 2]], edits: 1 }],
	["a shift-click adds a head", withHead(local, [0, 1], true), { heads: two.heads }],
	["a shift-click takes a head away", withHead(two, [1, 2], true), { heads: [[0, 1]] }],
	["the only head stays", withHead(local, [1, 2], true), { heads: [[1, 2]] }],
	["a query is a token", withToken(live, 2, "one"), { tokens: [2], edits: 1 }],
	["a query stays inside the prompt", withToken(live, 99, "one"), { tokens: [3] }],
	[
		"a range ends at the query",
		withToken({ ...live, tokens: [3], anchor: 3 }, 1, "range"),
		{ tokens: [3, 2, 1], anchor: 3 },
	],
	["a range may begin at the last token", withToken(live, 2, "range"), { tokens: [3, 2] }],
	[
		"control adds a token",
		withToken({ ...live, tokens: [1] }, 3, "toggle"),
		{ tokens: [1, 3], anchor: 3 },
	],
	["control takes one away", withToken({ ...live, tokens: [1, 3] }, 1, "toggle"), { tokens: [3] }],
	["an arrow moves the query", moved({ ...live, tokens: [2] }, -1, "one"), { tokens: [1] }],
	["shift + arrow extends", moved({ ...live, tokens: [2] }, -1, "range"), { tokens: [2, 1] }],
	[
		"other tokens take the place of lost ones",
		withToken({ ...live, lost: [{ position: 9, text: "x" }] }, 1, "one"),
		{ lost: [] },
	],
	[
		"Escape closes the table first",
		escaped({ ...live, tableOpen: true, panelOpen: true }),
		{ tableOpen: false },
	],
];

describe("a change", () => {
	it.each(changes)("%s", (_, change, expected) => {
		expect(change).toMatchObject(expected);
	});
	it.each([
		[
			"a layer that was not run",
			withHead({ ...live, payload: payload({ layer_runs: [13, null] }) }, [1, 2], false),
		],
		["the token that is selected", withToken({ ...live, tokens: [2] }, 2, "one")],
		["an arrow at the end", moved({ ...live, tokens: [3] }, 1, "one")],
	])("is none for %s", (_, change) => {
		expect(change).toEqual({});
	});
});

describe("a new payload", () => {
	const zoomed: State = { ...live, zoom: [0, 3, 0, 3] };
	it("keeps a zoom with as many tokens", () => {
		expect(onPayload(zoomed, payload({ run: 14 })).zoom).toEqual([0, 3, 0, 3]);
	});
	it("drops it with another number of tokens", () => {
		expect(onPayload(zoomed, payload({ tokens: three })).zoom).toBeNull();
	});
	it("drops one that was kept of a longer prompt", () => {
		expect(onPayload({ ...zoomed, payload: null, zoom: [4, 8, 4, 8] }, payload()).zoom).toBeNull();
	});
});

describe("what is drawn", () => {
	it("are the selected heads that have numbers", () => {
		const heads = [[0, 1] as const, [1, 1] as const];
		const half = { ...live, heads, payload: payload({ layer_runs: [13, null] }) };
		expect(drawnHeads(half)).toEqual([[0, 1]]);
	});
	it("is the first head held without a selection", () => {
		expect(drawnHeads({ ...live, payload: payload({ layer_runs: [null, 13] }) })).toEqual([[1, 0]]);
	});
	it("reads the last token without a selection", () => {
		expect(chosenQuery(live)).toBe(3);
	});
});
