import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AttentionPayload, ScoredHeads } from "../src/contract.gen";
import attention from "../src/views/attention/index";
import { initial } from "../src/views/attention/state";
import makeTools from "../src/views/attention/tools/index";
import { roundUp, topOf } from "../src/views/attention/tools/ramp";
import { detail, fakeModel, payload, selection, traits } from "./fake";

type Mount = typeof attention.render;

const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");
const ends: (() => void)[] = [];

const score = (name: string, values: (number | null)[][]): ScoredHeads => ({
	...{ name, title: name, values, low: 0, high: 0.2, null_title: "random targets" },
});
const SCORES = [
	score("previous", [
		[0.1, 0.9, 0.2],
		[0.3, null, 0.5],
	]),
	score("induction", [
		[0.7, 0.1, 0.1],
		[0.1, 0.1, 0.8],
	]),
	score("first", [
		[0, 0, 0],
		[0, 0, 0],
	]),
	score("same", [
		[1, 0, 0],
		[0, 0, 0],
	]),
];
const MEASURES = [
	{ name: "weight", title: "weight", why: "" },
	{ name: "value_weighted", title: "value-weighted", why: "" },
	{ name: "score", title: "score before softmax", why: "no values were read" },
];
const REFERENCES = [{ name: "plain", title: "run 12, plain" }];

async function show(change: Partial<AttentionPayload> = {}, more: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const model = fakeModel(traits({ payload: payload(change), ...more }));
	const el = document.createElement("div");
	document.body.append(el);
	ends.push(attention.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]));
	await settle();
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const word = (text: string, inside = ".iw") => {
		const found = all(`${inside} button`).find((one) => one.textContent === text);
		if (!found) throw new Error(`no word ${text}`);
		return found;
	};
	const panel = async () => {
		get(".iw-more").click();
		await settle();
	};
	return { model, el, all, get, word, panel };
}

const settle = () => vi.advanceTimersByTimeAsync(100);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("scores of heads", () => {
	it("stand in the thumbnails' names, the first score first", async () => {
		const { get } = await show({ head_scores: SCORES });
		expect(get('[data-cell="0.1"]').title).toBe("L0 H1, previous 0.90");
		expect(get('[data-cell="0.1"] .iw-score').style.width).toBe("100%");
	});
	it("are one of several words; the choice is kept", async () => {
		const { get, word, model } = await show({ head_scores: SCORES });
		word("induction").click();
		await vi.advanceTimersByTimeAsync(400);
		expect(word("induction").getAttribute("aria-checked")).toBe("true");
		expect(get('[data-cell="1.2"]').title).toBe("L1 H2, induction 0.80");
		expect(model.get("kept")).toMatchObject({ score: "induction" });
	});
	it("sort the thumbnails from the highest to the lowest, those without a number last", async () => {
		const { all, word } = await show({ head_scores: SCORES });
		word("sort").click();
		await settle();
		const order = all("[data-cell]").map(({ dataset }) => dataset.cell);
		expect(order).toEqual(["0.1", "1.2", "1.0", "0.2", "0.0", "1.1"]);
		expect(all("[data-cell] small").map((one) => one.textContent)[0]).toBe("0.1");
	});
	it("lie on one axis; a dot selects its head", async () => {
		const { all, get, model } = await show({ head_scores: SCORES });
		expect(all(".iw-dots circle")).toHaveLength(5);
		expect(get(".iw-dots").textContent).toContain("random targets, 95\u2009%");
		expect(get('[data-dot="1,0"]').getAttribute("class")).toBe("iw-out");
		get('[data-dot="1,2"]').dispatchEvent(new MouseEvent("click", { bubbles: true }));
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[1, 2]] });
	});
	it("are asked for when one is chosen that did not travel along", async () => {
		const names = SCORES.map((one) => ({ ...one, values: [] }));
		const { get, word, model } = await show({ head_scores: names });
		expect(model.last("scores")).toBeUndefined();
		word("induction").click();
		await settle();
		const id = model.last("scores")?.id;
		model.emit("msg:custom", { id, ok: true, head_scores: SCORES });
		await settle();
		expect(get('[data-cell="1.2"]').title).toBe("L1 H2, induction 0.80");
	});
});

describe("what is drawn of a run", () => {
	const change = { measures: MEASURES, references: REFERENCES };
	it("is asked of Python whole", async () => {
		const { model, word, panel } = await show({ ...change, hidden_sink: true });
		await panel();
		word("value-weighted", ".iw-panel").click();
		expect(model.last("display")).toMatchObject({
			...{ measure: "value_weighted", hide_sink: true, less: "" },
		});
		word("run 12, plain").click();
		expect(model.last("display")).toMatchObject({ measure: "weight", less: "plain" });
		word("hide first token", ".iw-panel").click();
		expect(model.last("display")).toMatchObject({ hide_sink: false });
	});
	it("says why it cannot be had", async () => {
		const { model, word, panel } = await show(change);
		await panel();
		const cannot = word("score before softmax");
		expect([cannot.getAttribute("aria-disabled"), cannot.title]).toEqual([
			"true",
			"no values were read",
		]);
		cannot.click();
		expect(model.last("display")).toBeUndefined();
	});
	it("needs the kernel", async () => {
		const { model, word, panel, get } = await show(change);
		get("[data-cell='1.2']").click();
		await settle();
		const error = { code: "no-kernel", message: "" };
		model.emit("msg:custom", { id: model.last("head")?.id, ok: false, error });
		await panel();
		for (const text of ["value-weighted", "zero", "mean"])
			expect(word(text, ".iw-panel").getAttribute("aria-disabled")).toBe("true");
		expect(get(".iw-cap").textContent).toContain("No kernel");
	});
	it("has a sign where there are both, and the ends of the ramp", async () => {
		const own = detail(0, 0, 4);
		const data = new Uint8Array(10).fill(127);
		data[6] = 0;
		data[7] = 254;
		const signed = { ...own, scale: 0.4, tensor: { ...own.tensor, data } };
		const { get } = await show({
			...{ signed: true, scale: 0.4, less: "run 12, plain", details: [signed] },
		});
		expect(get(".iw-leg").textContent).toBe("−0.40+0.40");
		expect(get(".iw-leg-what").textContent).toBe("attention weight, less run 12, plain");
		expect(get(".iw-read b").textContent).toBe("−0.40");
		expect(get("[data-of='1']").textContent).toBe("+0.40");
		expect(get(".iw-strip .iw-less").getAttribute("d")).toContain("M");
	});
	it("has zeros for masked keys when asked", async () => {
		const { get, word, panel, model } = await show();
		await panel();
		expect(word("causal mask").getAttribute("aria-checked")).toBe("true");
		word("causal mask").click();
		await vi.advanceTimersByTimeAsync(400);
		expect(get(".iw-chip.iw-query").dataset.pos).toBe("3");
		expect(get(".iw-strip").querySelector(".iw-masked")).toBeNull();
		expect(model.get("kept")).toMatchObject({ unmasked: true });
	});
});

describe("the scale of the map", () => {
	const flat = (count: number, tokens: number) => {
		const values = new Float32Array(count).fill(0.01);
		values[3] = 1;
		const matrix = { size: tokens, triangle: true, values };
		return [{ matrix, pooled: 1, precision: "float16" as const }];
	};
	const state = (fit: boolean | null, tokens: number) => {
		const all = Array.from({ length: tokens }, () => ({
			text: "a",
			special: false,
			generated: false,
		}));
		return { ...initial, fit, payload: payload({ tokens: all }) };
	};
	it.each([
		["is the whole for a short prompt", null, 15, 1],
		["fits where nearly all weights are tiny", null, 100, 0.01],
		["is the whole when asked", false, 100, 1],
		["fits when asked", true, 15, 0.01],
	] as const)("%s", (_, fit, tokens, top) => {
		const count = (tokens * (tokens + 1)) / 2;
		const values = flat(Math.max(count, 1000), tokens);
		expect(topOf(state(fit, tokens), values)).toBeCloseTo(top, 6);
	});
	it.each([
		[0.0123, 0.02],
		[0.05, 0.05],
		[0.6, 1],
		[3, 5],
	])("rounds %d up to %d", (number, round) => {
		expect(roundUp(number)).toBeCloseTo(round, 9);
	});
});

describe("the model", () => {
	const ablated = { heads: [[1, 2]] as [number, number][], mode: "zero" };
	const effect = { title: "KL at the last token", value: 0.42, unit: "nats", note: "" };
	it("loses the selected heads by a word, and has them again by another", async () => {
		const { model, word, panel } = await show({ ablated });
		await panel();
		word("zero").click();
		expect(model.last("ablate")).toMatchObject({ heads: [[0, 0]], mode: "zero" });
		word("undo", ".iw-panel").click();
		expect(model.last("undo")).toBeDefined();
	});
	it("shows an effect without its control as such, one click from it", async () => {
		const { get, model, word } = await show({ ablated, effect: { ...effect, control: null } });
		expect(get(".iw-you").textContent).toBe(
			"L1 H2 zero-ablated · KL at the last token 0.420 nats · no control yet · run · undo",
		);
		word("run", ".iw-you").click();
		expect(model.last("control")).toBeDefined();
	});
	it("shows an effect beside its control", async () => {
		const control = { n: 8, mean: 0.05, low: 0.01, high: 0.12, title: "8 other heads" };
		const { get } = await show({ ablated, effect: { ...effect, control } });
		expect(get(".iw-you").textContent).toContain("other heads 0.01–0.12, n = 8");
	});
});

describe("several selected heads", () => {
	const heads: [number, number][] = [
		[0, 0],
		[1, 2],
	];
	it("stand beside each other, and are fetched", async () => {
		const { all, model } = await show({}, { selection: selection({ heads }) });
		expect(all(".iw-multiples canvas")).toHaveLength(2);
		expect(model.last("head")).toMatchObject({ layer: 1, head: 2 });
		const more = { ...detail(1, 2, 4) };
		model.emit("msg:custom", { id: model.last("head")?.id, ok: true, detail: more });
		await settle();
		expect(all(".iw-multiples [data-sum]").map(({ dataset }) => dataset.sum)).toEqual([
			"4.000",
			"4.000",
		]);
	});
	it("are read at one pair", async () => {
		const { all, get, model } = await show({}, { selection: selection({ heads }) });
		model.emit("msg:custom", { id: model.last("head")?.id, ok: true, detail: detail(1, 2, 4) });
		get(".iw-map").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
		for (let i = 0; i < 3; i++)
			get(".iw-map").dispatchEvent(
				new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }),
			);
		await settle();
		expect(all(".iw-one span").map((one) => one.textContent)).toEqual(["1.00", "1.00"]);
	});
	it("take no room when there is one", async () => {
		expect((await show()).get(".iw-multiples").hidden).toBe(true);
	});
});

describe("tokens", () => {
	it("are selected as a range by shift, one more by control", async () => {
		const { all, get, model } = await show();
		const click = (pos: number, event: MouseEventInit) =>
			get(`[data-pos="${pos}"]`).dispatchEvent(
				new MouseEvent("click", { bubbles: true, ...event }),
			);
		click(1, {});
		click(3, { shiftKey: true });
		await settle();
		expect(model.last("select")).toMatchObject({ tokens: [1, 2, 3] });
		expect(all(".iw-picked").map(({ dataset }) => dataset.pos)).toEqual(["1", "2"]);
		click(2, { ctrlKey: true });
		await settle();
		expect(model.last("select")).toMatchObject({ tokens: [1, 3] });
	});
	it("are selected by dragging over them", async () => {
		const { get, model } = await show();
		const on = (pos: number, type: string, buttons: number) =>
			get(`[data-pos="${pos}"]`).dispatchEvent(new PointerEvent(type, { bubbles: true, buttons }));
		on(2, "pointerdown", 1);
		on(1, "pointerover", 1);
		on(0, "pointerover", 1);
		await settle();
		expect(model.last("select")).toMatchObject({ tokens: [2, 1, 0] });
	});
	it("of two prompts are shown with their partners", async () => {
		const tokens = ["x", " a", " b"].map((text) => ({ text, special: false, generated: false }));
		const { all, get } = await show({
			...{ signed: true, less: "prompt 2" },
			alignment: { tokens, pairs: [[1, 1]], unmatched: [0, 2, 3], unmatched_other: [0, 2] },
		});
		expect(all(".iw-alone")).toHaveLength(5);
		expect(all(".iw-aligned path")).toHaveLength(1);
		expect(get(".iw-aligned").textContent).toContain("without a partner (5)");
	});
});

describe("the panel", () => {
	it("leaves the link group and comes back", async () => {
		const links = { group: "g", warning: "" };
		const { model, word, panel } = await show({}, { links });
		await panel();
		expect(word("linked").getAttribute("aria-checked")).toBe("true");
		word("linked").click();
		expect(model.last("link")).toMatchObject({ linked: false });
		model.change("links", { group: "", warning: "" });
		await settle();
		word("linked").click();
		expect(model.last("link")).toMatchObject({ linked: true });
	});
	it("copies the code that Python answers", async () => {
		const written: string[] = [];
		vi.stubGlobal("navigator", {
			clipboard: { writeText: (text: string) => Promise.resolve(written.push(text)) },
		});
		const { model, word, panel } = await show();
		await panel();
		word("copy as code").click();
		model.emit("msg:custom", { id: model.last("code")?.id, ok: true, code: "iw.attention(m)" });
		await settle();
		expect(written).toEqual(["iw.attention(m)"]);
		vi.unstubAllGlobals();
	});
	it("brackets heads that share keys and values", async () => {
		const { all } = await show({ kv_groups: 2 });
		expect(all(".iw-shared").map(({ title }) => title)).toEqual([
			"H0–H1 share keys and values",
			"H2–H2 share keys and values",
		]);
	});
	it("moves among words by arrows", async () => {
		const { word } = await show({ head_scores: SCORES });
		word("previous").focus();
		word("previous").dispatchEvent(
			new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }),
		);
		await settle();
		expect(word("induction").getAttribute("aria-checked")).toBe("true");
	});
});
