import { describe, expect, it } from "vitest";
import { mapLayout, thumbLayout } from "../src/views/attention/layout";
import { pan, within, zoomAt } from "../src/views/attention/tools/zoom";

const tokens = (count: number) =>
	Array.from({ length: count }, () => ({ text: " word", special: false, generated: false }));

describe("the map", () => {
	it.each([
		["few tokens: labels on the stairs", 15, true, "stairs", 1],
		["not causal: tilted above", 15, false, "tilted", 1],
		["very few: horizontal above", 4, false, "above", 1],
		["many: no labels", 128, true, "none", 1],
		["cells below 4 px: the maximum of blocks", 1024, true, "none", 8],
	])("%s", (_, count, causal, keys, block) => {
		expect(mapLayout(tokens(count), null, causal, 700)).toMatchObject({ keys, block });
	});
	it("fits its room", () => {
		const { gutter, side } = mapLayout(tokens(300), null, true, 400);
		expect(gutter + side).toBeLessThanOrEqual(400);
	});
	it("keeps its side when zoomed", () => {
		const whole = mapLayout(tokens(100), null, true, 600);
		const zoomed = mapLayout(tokens(100), [10, 30, 0, 20], true, 600);
		expect(zoomed.side).toBeCloseTo(whole.side);
	});
	it("has no corner for the read-out where labels fill it", () => {
		expect(mapLayout(tokens(15), null, true, 260).corner).toBeNull();
	});
});

describe("thumbnails", () => {
	it.each([
		[1100, 2, 4, 96],
		[1100, 12, 12, 29],
		[600, 12, 12, 40],
		[1100, 32, 32, 14],
	])("%d px, %d × %d heads: %d px", (width, layers, heads, size) => {
		const layout = thumbLayout(width, layers, heads);
		expect(Math.abs(layout.size - size)).toBeLessThanOrEqual(4);
	});
});

describe("zoom", () => {
	it("keeps the pair under the pointer in its place", () => {
		expect(zoomAt([0, 100, 0, 100], 0.5, 50, 0, 100)).toEqual([25, 75, 0, 50]);
	});
	it("ends at the whole", () => {
		expect(zoomAt([25, 75, 0, 50], 4, 50, 10, 100)).toEqual([0, 100, 0, 100]);
	});
	it("stays inside when panned", () => {
		expect(pan([0, 10, 0, 10], 95, -5, 100)).toEqual([90, 100, 0, 10]);
	});
	it("repairs a window that does not fit", () => {
		expect(within([90, 120, -5, 10], 50)).toEqual([20, 50, 0, 30]);
	});
});
