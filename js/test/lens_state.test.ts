import { describe, expect, it } from "vitest";
import {
	type Action,
	initial,
	pinnedCells,
	reduce,
	type State,
	selectedCells,
	shownMeasure,
	shownPosition,
} from "../src/views/lens/state";
import { edit } from "../src/views/lens/tools/editing";
import { kept, payload } from "./lens_fake";

const ready = reduce(initial, { type: "payload", payload: payload() });
const since = (...actions: Action[]): State =>
	actions.reduce((state, action) => reduce(state, action, edit), ready);
const press = (row: number, column: number): Action => ({ type: "press", at: [row, column] });
const elsewhere = {
	...{ heads: [[1, 2] as const], tokens: [0], layer: 1, feature: null, prompt: null, lost: [] },
};

describe("a cell", () => {
	it("selects its layer and its token, last layer on top", () => {
		const state = since(press(0, 2));
		expect(state).toMatchObject({ layer: 1, tokens: [2], open: true, edits: 1, cursor: [0, 2] });
		expect(selectedCells(state)).toEqual([[0, 2]]);
	});
	it("opens and closes when it is pressed again, still selected", () => {
		const closed = since(press(0, 2), press(0, 2));
		expect(closed).toMatchObject({ layer: 1, tokens: [2], open: false, edits: 1 });
		expect(since(press(0, 2), press(0, 2), press(0, 2)).open).toBe(true);
		expect(since(press(0, 2), press(0, 2), press(1, 2)).open).toBe(true);
	});
	it("outside the grid is none", () => {
		expect(since(press(2, 0))).toBe(ready);
		expect(since(press(0, 3))).toBe(ready);
	});
	it("selected in another view is not opened", () => {
		const state = since(press(0, 2), { type: "selection", selection: elsewhere });
		expect(state).toMatchObject({ layer: 1, tokens: [0], open: false, heads: [[1, 2]] });
	});
	it("keeps what other views selected", () => {
		expect(since({ type: "selection", selection: elsewhere }, press(1, 1)).heads).toEqual([[1, 2]]);
	});
	it("of a layer that is not held is none", () => {
		const selection = { ...elsewhere, layer: 9 };
		expect(selectedCells(since({ type: "selection", selection }))).toEqual([]);
	});
});

describe("names", () => {
	it("select a layer or a token, and take it back", () => {
		const row: Action = { type: "name", kind: "row", index: 0 };
		const column: Action = { type: "name", kind: "column", index: 1 };
		expect(since(row)).toMatchObject({ layer: 1, tokens: [] });
		expect(since(row, column)).toMatchObject({ layer: 1, tokens: [1] });
		expect(since(row, column, row, column)).toMatchObject({ layer: null, tokens: [] });
	});
});

describe("pins", () => {
	it("come and go where the keyboard is", () => {
		const one = since({ type: "move", by: [0, 0] }, { type: "pin" });
		expect(one.pins).toEqual([{ layer: 1, position: 2, text: " c" }]);
		expect(edit(one, { type: "pin" }).pins).toEqual([]);
	});
	it("count only where the run has the layer, and the same word there", () => {
		const state = since({ type: "pin", at: [0, 2] }, { type: "pin", at: [1, 0] });
		expect(pinnedCells(state)).toEqual([
			[0, 2],
			[1, 0],
		]);
		const words = ["a", " b", " d"].map((text) => ({ text, special: false, generated: false }));
		const next = reduce(state, { type: "payload", payload: payload({ tokens: words }) });
		expect(pinnedCells(next)).toEqual([[1, 0]]);
		const back = reduce(next, { type: "payload", payload: payload() });
		expect(pinnedCells(back)).toHaveLength(2);
	});
});

describe("the keyboard", () => {
	it("begins at the last layer's last position, and stays inside", () => {
		const steps: Action[] = [
			{ type: "move", by: [0, 1] },
			{ type: "move", by: [0, 1] },
			{ type: "move", by: [1, 0] },
			{ type: "move", by: [1, 0] },
			{ type: "move", by: [0, -1] },
		];
		const at = steps.map((_, i) => since(...steps.slice(0, i + 1)).cursor);
		expect(at).toEqual([
			[0, 2],
			[0, 2],
			[1, 2],
			[1, 2],
			[1, 1],
		]);
	});
	it("selects with Enter", () => {
		const state = since({ type: "move", by: [0, 0] }, { type: "take" });
		expect(state).toMatchObject({ layer: 1, tokens: [2], open: true });
	});
	it("takes back one thing at a time with Esc", () => {
		const open = since(press(0, 1), { type: "hover", at: [1, 1] });
		const first = edit(open, { type: "escape" });
		expect(first).toMatchObject({ open: false, hover: null, layer: 1, tokens: [1] });
		const second = edit(first, { type: "escape" });
		expect(second).toMatchObject({ layer: null, tokens: [] });
	});
});

describe("the measure", () => {
	it("is of the token shown, or of one that is followed", () => {
		const of: Action = { type: "of", of: 5 };
		expect(shownMeasure(ready)).toEqual({ measure: "probability", target: -1 });
		expect(shownMeasure(since(of))).toEqual({ measure: "probability", target: 1 });
		const rank: Action = { type: "measure", measure: "rank" };
		expect(shownMeasure(since(rank))).toEqual({ measure: "rank", target: 0 });
		expect(shownMeasure(since(rank, of))).toEqual({ measure: "rank", target: 1 });
	});
	it("falls back to what there is", () => {
		const none = payload({ targets: [] });
		const rank = { ...kept, measure: "rank" as const };
		const state = since({ type: "kept", kept: rank }, { type: "payload", payload: none });
		expect(shownMeasure(state)).toEqual({ measure: "probability", target: -1 });
		const bare = reduce(state, { type: "payload", payload: { ...none, k: 0 } });
		expect(shownMeasure(bare)).toEqual({ measure: "entropy", target: -1 });
	});
});

it("reads the last position where none is selected", () => {
	expect(shownPosition(ready)).toBe(2);
	expect(shownPosition(since(press(0, 1)))).toBe(1);
});
