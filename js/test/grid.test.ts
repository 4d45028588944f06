import { describe, expect, it, vi } from "vitest";
import { type GridData, makeGrid } from "../src/shared/grid";
import { gridLayout, pooledLevels } from "../src/shared/grid/layout";
import { makeLife } from "../src/shared/life";

const token = (text: string) => ({ text, special: false, generated: false });

function data(rows: number, columns: number, change: Partial<GridData> = {}): GridData {
	return {
		rows: Array.from({ length: rows }, (_, i) => `L${rows - 1 - i}`),
		lines: [{ name: "in", labels: Array.from({ length: columns }, (_, i) => token(` t${i}`)) }],
		columnsAt: "bottom",
		levels: new Float32Array(rows * columns),
		signed: false,
		...change,
	};
}

function grid(of: GridData, width = 800) {
	const life = makeLife(new AbortController().signal, (error) => {
		throw error;
	});
	const acts = { hover: vi.fn(), press: vi.fn(), move: vi.fn(), name: vi.fn() };
	const made = makeGrid(life, acts);
	document.body.append(made.box);
	const layout = made.draw(of, { selected: [[0, 1]], cursor: [1, 0] }, width, "light");
	return { ...made, acts, layout };
}

describe("layout", () => {
	it("has room for words in a few columns, for slanted names in more, for none in many", () => {
		expect(gridLayout(data(12, 12), 800)).toMatchObject({ names: "flat", words: true, block: 1 });
		expect(gridLayout(data(12, 40), 800)).toMatchObject({
			names: "tilted",
			words: false,
			block: 1,
		});
		expect(gridLayout(data(12, 150), 800)).toMatchObject({ names: "none", block: 1 });
	});

	it("pools columns that would be narrower than four pixels, and fills the width", () => {
		const { block, width, view } = gridLayout(data(12, 2000), 800);
		expect(block).toBe(Math.ceil((2000 * 4) / view));
		expect(view).toBe(width);
	});

	it("scrolls instead where a least width is asked for", () => {
		const { block, width, view, words } = gridLayout(data(12, 40, { leastWidth: 44 }), 800);
		expect([block, width, words]).toEqual([1, 40 * 44, true]);
		expect(view).toBeLessThan(800);
	});
});

describe("pooledLevels", () => {
	it("keeps the largest of each block whatever its sign, and what was not run", () => {
		const levels = Float32Array.from([0.1, -0.5, 0.2, Number.NaN, 0.9, 0, 0, 0, 0.3, 0]);
		const pooled = [...pooledLevels(levels, 5, 2)].map((v) => Number(v.toFixed(3)));
		expect(pooled).toEqual([-0.5, Number.NaN, 0.9, 0, 0.3, 0]);
	});
});

describe("makeGrid", () => {
	it("draws only what is in sight", () => {
		const text = vi.fn(() => token("x"));
		const { box } = grid(data(3, 2000, { leastWidth: 44, text }));
		expect(box.querySelectorAll(".iw-g-word").length).toBeLessThan(3 * 20);
		expect(box.querySelectorAll("[data-column]").length).toBeLessThan(20);
	});

	it("marks the names of what is selected, and frames it", () => {
		const { box } = grid(data(3, 4));
		const chosen = [...box.querySelectorAll(".iw-g-chosen")].map((one) => one.textContent);
		expect(chosen).toEqual(["L2", "·t1"]);
		expect(box.querySelectorAll(".iw-g-selected")).toHaveLength(1);
		expect(box.querySelectorAll(".iw-g-cursor")).toHaveLength(1);
	});

	it("says which way an arrow key goes, and which name was clicked", () => {
		const { box, acts } = grid(data(3, 4));
		box.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
		expect(acts.move).toHaveBeenCalledWith([-1, 0], expect.anything());
		box.querySelector<HTMLElement>("[data-column='2']")?.click();
		expect(acts.name).toHaveBeenCalledWith("column", 2, expect.anything());
		box.querySelector<HTMLElement>("[data-row='1']")?.click();
		expect(acts.name).toHaveBeenCalledWith("row", 1, expect.anything());
	});

	it("knows the cell under the pointer and where a cell is", () => {
		const { box, acts, layout, boxOf } = grid(data(3, 4));
		const { cellWidth, cellHeight, gutter, top } = layout;
		const at = { clientX: cellWidth * 2.5, clientY: cellHeight * 1.5, bubbles: true };
		box.querySelector("canvas")?.dispatchEvent(new MouseEvent("click", at));
		expect(acts.press).toHaveBeenCalledWith([1, 2], expect.anything());
		expect(boxOf([1, 2])).toMatchObject({ x: gutter + 2 * cellWidth, y: top + cellHeight });
	});
});
