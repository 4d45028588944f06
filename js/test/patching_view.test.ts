import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WirePatchedRun } from "../src/contract.gen";
import patching from "../src/views/patching/index";
import makeTools from "../src/views/patching/tools/index";
import { fakeModel, selection, status } from "./fake";
import { grid, kept, patches, payload, traits } from "./patching_fake";
import { float32 } from "./tokens_fake";

type Mount = typeof patching.render;

const ends: (() => void)[] = [];
const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");
const settle = () => vi.advanceTimersByTimeAsync(100);

async function show(change: Record<string, unknown> = {}, whole = true) {
	if (whole) page[PART] = Promise.resolve(makeTools);
	const model = fakeModel(traits(change));
	const el = document.createElement("div");
	document.body.append(el);
	const end = patching.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	await settle();
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	/** By picture: the last layer is row 0. The grid is as in its own tests: 64 × 26 cells. */
	const at = (row: number, column: number) => ({
		...{ clientX: 64 * (column + 0.5), clientY: 26 * (row + 0.5), bubbles: true, button: 0 },
	});
	const click = async (row: number, column: number) => {
		get("canvas").dispatchEvent(new MouseEvent("click", at(row, column)));
		await settle();
	};
	const key = async (name: string, on = ".iw-pt-grid") => {
		get(on).dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
		await settle();
	};
	const words = () => all(".iw-g-word").map((word) => word.textContent);
	return { model, el, end, all, get, at, click, key, words };
}

const run = (change: Partial<WirePatchedRun> = {}): WirePatchedRun => ({
	...{ number: 0, words: "resid_pre L3, 0 → 1", site: "resid_pre", layer: 3, pos: 1 },
	...{ source_pos: 0, heads: [], share: 0.25, raw: -1.3, metric: "logit difference 'a' − 'b'" },
	...{ unit: "logits", low: null, high: null, control: null },
	top: [{ token: { text: " Ada", special: false, generated: false }, probability: 0.75 }],
	...change,
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("the picture", () => {
	it("has the last layer on top, and selects, before the second part comes", async () => {
		const { all, get, click, model } = await show({}, false);
		expect(all("[data-row]").map((row) => row.textContent)).toEqual(["L4", "L3"]);
		expect(get(".iw-sub").textContent).toContain("denoising");
		await click(0, 2);
		expect(model.last("select")).toMatchObject({ layer: 4, tokens: [2], heads: [] });
		expect(model.last("cell")).toBeUndefined();
	});
	it("prints what is large while there is no control, and says that there is none", async () => {
		const { words, get, all } = await show();
		expect(words()).toEqual([".30", ".40", "−.50", ".10", ".20"]);
		expect(get(".iw-cap").textContent).toContain("no control yet · run");
		expect(get(".iw-cap").textContent).toContain("(+3.40 logits)");
		expect(all("[aria-disabled=true]").map((one) => one.title)).toContain("no control yet");
	});
	it("prints only what leaves its control once there is one, and can hide the rest", async () => {
		const control = {
			...{ n: 8, title: "noise", mean: float32(0, 0, 0, 0, 0, 0) },
			low: float32(-1, -1, -1, -1, -1, -0.2),
			high: float32(1, 1, 0.1, 1, 1, 0.2),
		};
		const shown = await show({ payload: payload(grid({ control })) });
		expect(shown.words()).toEqual(["−.50", ".20"]);
		expect(shown.get(".iw-cap").textContent).toContain("leave the control range (noise;");
		shown.all(".iw-tick-box")[0]?.click();
		await settle();
		expect(shown.get(".iw-cap").textContent).toContain("Bare: within it.");
		expect(shown.words()).toEqual(["−.50", ".20"]);
	});
	it("draws what noising takes away", async () => {
		const values = float32(1, 1, 0.4, 1, 1, 1);
		const { words } = await show({ payload: payload(grid({ direction: "noising", values })) });
		expect(words()).toEqual(["−.60"]);
	});
	it("switches between grids", async () => {
		const other = grid({ name: "mlp_out", title: "MLP", values: float32(1, 0, 0, 0, 0, 0) });
		const { all, words, model } = await show({ payload: payload(grid(), other) });
		all("[data-name=mlp_out]")[0]?.click();
		await settle();
		expect(words()).toEqual(["1.0"]);
		expect(model.get("kept")).toMatchObject({ grid: 1 });
	});
	it("names the other prompt's token where it differs, and keeps hostile text as text", async () => {
		const source = ["the", "<img src=x>", " ran"].map((text) => ({
			...{ text, special: false, generated: false },
		}));
		const { get, el } = await show({ payload: payload(grid({ source })) });
		expect(get(".iw-g-line").textContent).toBe("clean, where it differs:");
		expect(el.querySelector("img")).toBeNull();
	});
	it("says what was not run and what has no partner", async () => {
		const { get } = await show({ payload: payload(grid({ left: 2, alone: [2] })) });
		expect(get(".iw-pt-scale").textContent).toContain("not run");
		expect(get(".iw-pt-scale").textContent).toContain("no partner");
	});
});

describe("a cell", () => {
	it("that is clicked asks once what the patched run says", async () => {
		const { click, model, get } = await show();
		await click(1, 1);
		expect(model.last("cell")).toMatchObject({ grid: 0, row: 0, column: 1 });
		expect(get(".iw-pt-pop").textContent).toContain("L3, position 1");
		const output = { grid: 0, row: 0, column: 1, share: 0.1, raw: 1, top: run().top };
		model.change("patches", patches({ outputs: [output] }));
		await settle();
		expect(get(".iw-pt-pop").textContent).toContain("·Ada75\u2009%");
		const count = model.sent.filter(({ kind }) => kind === "cell").length;
		await click(1, 1);
		expect(model.sent.filter(({ kind }) => kind === "cell")).toHaveLength(count);
	});
	it("of an estimate that was run is exact, and not doubtful any more", async () => {
		const agreement = { correlation: 0.9, tolerance: 0.1, disagree: [[0, 1] as [number, number]] };
		const shown = await show({ payload: payload(grid({ exact: false, agreement })) });
		expect(shown.all(".iw-g-doubt")).toHaveLength(1);
		expect(shown.get(".iw-cap").textContent).toContain("correlation with the exact grid 0.90");
		const output = { grid: 0, row: 0, column: 1, share: 0.9, raw: 1, top: [] };
		shown.model.change("patches", patches({ outputs: [output] }));
		await settle();
		expect(shown.all(".iw-g-doubt")).toHaveLength(0);
		expect(shown.words()).toContain(".90");
	});
	it("shows what is selected elsewhere", async () => {
		const { model, all } = await show();
		model.change("selection", selection({ layer: 4, tokens: [2], text: [" ran"], revision: 9 }));
		await settle();
		expect(all(".iw-g-selected")).toHaveLength(1);
	});
});

describe("patching by hand", () => {
	it("goes from a dragged token to a cell", async () => {
		const { get, at, model, all } = await show();
		const fire = (on: EventTarget, type: string, where: object) =>
			on.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, ...where }));
		const chip = all("[data-source]")[2] as HTMLElement;
		fire(chip, "pointerdown", { clientX: 300, clientY: 300 });
		fire(document, "pointermove", at(0, 1));
		await settle();
		expect(get(".iw-pt-ghost").textContent).toContain("→ L4, position 1");
		fire(document, "pointerup", at(0, 1));
		await settle();
		expect(model.last("patch")).toMatchObject({ layer: 4, pos: 1, source_pos: 2, head: null });
		expect(model.last("select")).toBeUndefined();
	});
	it("goes by keyboard: a token, then Enter on a cell", async () => {
		const { key, model, get } = await show();
		await key("Enter", '[data-source="2"]');
		expect(get('[data-source="2"]').getAttribute("aria-selected")).toBe("true");
		await key("ArrowUp");
		await key("ArrowRight");
		await key("Enter");
		expect(model.last("patch")).toMatchObject({ layer: 4, pos: 1, source_pos: 2 });
		expect(get('[data-source="2"]').getAttribute("aria-selected")).toBe("false");
	});
	it("lists the runs, offers their control and restores one", async () => {
		const { get, all, model } = await show({ patches: patches({ runs: [run()] }) });
		expect(get(".iw-pt-rows tbody").textContent).toContain("no control yet · run");
		all(".iw-pt-rows [data-do=control]")[0]?.click();
		expect(model.last("control")).toMatchObject({ number: 0 });
		all("[data-do=restore]")[0]?.click();
		expect(model.last("restore")).toMatchObject({ number: 0 });
		model.change("patches", patches({ runs: [run()], restored: 0 }));
		await settle();
		all("[data-do=restore]")[0]?.click();
		expect(model.last("restore")).toMatchObject({ number: null });
	});
	it("compares two runs", async () => {
		const two = [run(), run({ number: 1, share: 0.75, raw: 1 })];
		const { get, all } = await show({ patches: patches({ runs: two }) });
		for (const number of [0, 1]) {
			all(`[data-compare="${number}"]`)[0]?.click();
			await settle();
		}
		expect(get(".iw-pt-compare").textContent).toContain("share restored0.250.75+0.50");
	});
	it("is not offered without a kernel", async () => {
		const { get, all } = await show({ patches: patches({ can_run: false, runs: [run()] }) });
		expect(get(".iw-pt-strip").hidden).toBe(true);
		expect(all("[data-do=control], [data-do=restore]")).toHaveLength(0);
	});
});

describe("what runs", () => {
	it("is cancelled by a word or Escape, and the numbers stay in full ink", async () => {
		const running = { ...status, kind: "running", message: "3 s left", done: 4, total: 12 };
		const { get, all, key, model } = await show({ status: running });
		expect(get(".iw-state").textContent).toContain("4 of 12 · 3 s left");
		all("[data-do=cancel]")[0]?.click();
		expect(model.last("cancel")).toBeTruthy();
		const before = model.sent.length;
		await key("Escape");
		expect(model.sent.length).toBe(before + 1);
	});
	it("says why something was not done", async () => {
		const { get } = await show({ patches: patches({ note: "InterventionError: because" }) });
		expect(get(".iw-notes").textContent).toBe("✕ InterventionError: because");
	});
	it("leaves no listener behind", async () => {
		const { model, end } = await show({ kept: { ...kept, table_open: true } });
		end();
		expect(model.listeners()).toBe(0);
	});
});
