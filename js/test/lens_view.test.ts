import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LensPayload } from "../src/contract.gen";
import lens from "../src/views/lens/index";
import { Store } from "../src/views/lens/store";
import { fill } from "../src/views/lens/tools/filling";
import makeTools from "../src/views/lens/tools/index";
import { placeNames } from "../src/views/lens/tools/places";
import { fakeModel, selection, status } from "./fake";
import { kept, payload, traits } from "./lens_fake";

type Mount = typeof lens.render;

const ends: (() => void)[] = [];
const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");
let width = 1100;

function bare(change: Record<string, unknown> = {}) {
	const model = fakeModel(traits(change));
	const el = document.createElement("div");
	document.body.append(el);
	const end = lens.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const texts = (selector: string) => all(selector).map((one) => one.textContent);
	const box = () => get(".iw-g");
	const key = (name: string) =>
		box().dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
	const press = (text: string) => {
		const found = all("button").find((button) => button.textContent === text);
		if (!found) throw new Error(`no ${text}`);
		found.click();
	};
	/** Cells are 76 × 32, and happy-dom puts everything at 0, 0. */
	const click = (row: number, column: number, more: MouseEventInit = {}) =>
		get(".iw-g-cells").dispatchEvent(
			new MouseEvent("click", {
				bubbles: true,
				...{ clientX: 76 * column + 5, clientY: 32 * row + 5, ...more },
			}),
		);
	return { model, el, end, all, get, texts, key, press, click };
}

const settle = () => vi.advanceTimersByTimeAsync(100);

/** A view whose second part is there, as it is a moment after the first picture. */
async function show(change: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const shown = bare(change);
	await settle();
	return shown;
}

/** Only the last position is held, and no maps. */
const sparse = (): LensPayload => {
	const { columns, ...others } = payload();
	return { ...others, maps: [], columns: { positions: [], ids: [], words: [] } };
};

beforeEach(() => {
	vi.useFakeTimers();
	width = 1100;
	vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockImplementation(() => width);
});
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	vi.restoreAllMocks();
	delete page[PART];
	document.body.replaceChildren();
});

describe("the first picture", () => {
	it("has the best token of each cell, last layer on top, before the second part comes", () => {
		const { texts, get } = bare();
		expect(texts(".iw-g-word")).toEqual(["·w3", "·w4", "·w0", "·w5", "·w1", "·w0"]);
		expect(texts(".iw-g-name")).toEqual(["L1", "L0"]);
		expect(get(".iw").dataset).toMatchObject({ iw: "lens", run: "3", t: "3", painted: "1" });
	});
	it("selects a cell before the second part comes", async () => {
		const { click, model } = bare();
		click(0, 2);
		await settle();
		expect(model.last("select")).toMatchObject({ layer: 1, tokens: [2], text: [" c"] });
	});
	it("draws the prompt and what came next below", () => {
		const { texts } = bare();
		expect(texts(".iw-g-column")).toEqual(["a", "·b", "·c", "·b", "·c", "?"]);
	});
	it("underlines where the last layer's best token came next", () => {
		const words = ["a", " w3", " w0"].map((text) => ({ text, special: false, generated: false }));
		expect(bare({ payload: payload({ tokens: words }) }).all(".iw-g-under")).toHaveLength(1);
		expect(bare().all(".iw-g-under")).toHaveLength(0);
	});
	it("says when a prediction is missing from what came", () => {
		const short = payload({ layers: [0, 1, 2] });
		expect(bare({ payload: short }).get(".iw-fail").textContent).toContain(
			"9 predictions came as 6",
		);
	});
	it("is an empty view before the first run", () => {
		const { get } = bare({ payload: null });
		expect(get(".iw-figure").hidden).toBe(true);
		expect(get(".iw-block").textContent).toContain("No run yet");
	});
});

describe("a selected cell", () => {
	it("opens with its best tokens, their probabilities and its entropy", async () => {
		const { click, get, texts } = await show();
		click(0, 2);
		await settle();
		expect(get(".iw-ln-pop").hidden).toBe(false);
		expect(get(".iw-ln-head").textContent).toBe("L1, position 21.82 nats");
		expect(texts(".iw-ln-guess")).toEqual([
			...["1·w00.290", "2·w70.252", "3·w30.125", "4·w50.114", "6·w20.072"],
		]);
		expect(get(".iw-ln-pop").textContent).toContain("half of the mass is in 2 tokens");
	});
	it("says how much of the mass is kept where that is less than half", async () => {
		const thin = payload();
		const logprob = new Float32Array(24).fill(Math.log(0.05));
		thin.columns.logprob = new Uint8Array(logprob.buffer);
		const { click, get } = await show({ payload: thin });
		click(1, 0);
		await settle();
		expect(get(".iw-ln-pop").textContent).toContain("the 4 best hold 0.20 of the mass");
	});
	it("says nothing of the mass where nothing was read", async () => {
		const bad = payload();
		bad.columns.logprob = new Uint8Array(new Float32Array(24).fill(Number.NaN).buffer);
		bad.columns.index = new Uint8Array(new Uint32Array(24).fill(2 ** 32 - 1).buffer);
		const { click, get } = await show({ payload: bad });
		click(1, 0);
		await settle();
		expect(get(".iw-ln-pop").textContent).not.toContain("mass");
	});
	it("closes on Esc, then is no more selected", async () => {
		const { click, key, get, model } = await show();
		click(0, 2);
		await settle();
		key("Escape");
		await settle();
		expect(get(".iw-ln-pop").hidden).toBe(true);
		expect(model.last("select")).toMatchObject({ tokens: [2] });
		key("Escape");
		await settle();
		expect(model.last("select")).toMatchObject({ tokens: [], layer: null });
	});
	it("asks Python to follow a token that is clicked, or to stop", async () => {
		const { click, get, model } = await show();
		click(0, 2);
		await settle();
		get('[data-token="7"]').click();
		expect(model.last("track")).toMatchObject({ token: 7, on: true });
		expect(get('[data-token="2"]').getAttribute("aria-pressed")).toBe("true");
		get('[data-token="2"]').click();
		expect(model.last("track")).toMatchObject({ token: 2, on: false });
	});
	it("follows nothing where there is no kernel to ask", async () => {
		const { click, get, model } = await show({ status: { ...status, can_rerun: false } });
		click(0, 2);
		await settle();
		get('[data-token="7"]').click();
		expect(model.last("track")).toBeUndefined();
	});
	it("draws hostile tokens as text", async () => {
		const words = payload().words.map(() => "<img onerror=x>");
		const { el, click } = await show({ payload: payload({ words }) });
		click(0, 2);
		await settle();
		expect(el.querySelector("img")).toBeNull();
		expect(el.querySelector(".iw-ln-pop")?.textContent).toContain("<img onerr…");
	});
});

describe("lines through the layers", () => {
	it("are of the cell's token, of tokens that are followed and of the layers' best", async () => {
		const { click, texts, get } = await show();
		click(0, 2);
		await settle();
		expect(texts(".iw-ln-token").toSorted()).toEqual(["·w0", "·w2", "·w5"]);
		expect(get(".iw-ln-svg").getAttribute("aria-label")).toBe(
			"probability by layer at position 2: ·w0, ·w2, ·w5",
		);
	});
	it("break where a token is not among those that are kept, and the caption says so", async () => {
		const none = payload({ targets: [], bands: [] });
		const empty = new Uint8Array();
		Object.assign(none.columns, { target_logprob: empty, target_rank: empty });
		const { get } = await show({
			payload: none,
			selection: selection({ tokens: [1], text: [" b"], layer: 0 }),
		});
		expect(get(".iw-cap").textContent).toContain("not among the 4 kept");
		// w1 is best in layer 0 and not kept in layer 1
		expect(get(".iw-ln-main").getAttribute("d")).toMatch(/^M[\d.]+,[\d.]+$/);
	});
	it("have the control's band where it was run, else an offer to run it", async () => {
		const chosen = { selection: selection({ tokens: [2], text: [" c"] }) };
		const with_it = await show(chosen);
		expect(with_it.all(".iw-ln-band")).toHaveLength(1);
		expect(with_it.get(".iw-cap").textContent).toContain(
			"randomly rotated unembedding, 95\u2009% of 20",
		);
		const without = await show({ ...chosen, payload: payload({ bands: [] }) });
		expect(without.get(".iw-ln-foot").textContent).toBe("no control yet · run");
		without.press("run");
		expect(without.model.last("control")).toMatchObject({
			...{ run: 3, position: 2 },
			tokens: [2, 5, 0],
		});
	});
	it("offer no control without a kernel", async () => {
		const still = { payload: payload({ bands: [] }), status: { ...status, can_rerun: false } };
		expect((await show(still)).get(".iw-ln-foot").textContent).toBe("no control yet");
	});
	it("stand below the grid in a narrow column", async () => {
		width = 600;
		const { get, texts } = await show();
		expect(get(".iw-ln-cols").className).not.toContain("iw-ln-beside");
		expect(get(".iw-ln-what").hidden).toBe(false);
		expect(texts(".iw-ln-svg text")).toEqual(expect.arrayContaining(["L0", "L1"]));
	});
	it("are of entropy by position where cells are coloured by it", async () => {
		const { get } = await show({ kept: { ...kept, measure: "entropy" } });
		expect(get(".iw-ln-svg").getAttribute("aria-label")).toBe(
			"entropy, nats by layer at position 2: ·c 2",
		);
		expect(get(".iw-ln-foot").textContent).toBe("");
	});
});

describe("the switch", () => {
	it("changes the colours, and Python hears what is kept", async () => {
		const { press, model, get } = await show();
		press("rank");
		await settle();
		expect(model.get("kept")).toMatchObject({ measure: "rank" });
		expect(get(".iw-ln-legend").textContent).toBe("rank 71rank of ·w2");
		press("entropy");
		await settle();
		expect(get(".iw-ln-legend").textContent).toContain("01.87entropy, nats");
	});
	it("has no rank where no token is followed", async () => {
		const none = payload({ targets: [], maps: [], columns: { positions: [], ids: [], words: [] } });
		const { all } = await show({ payload: none });
		const rank = all('[data-name="rank"]');
		expect(rank.map((one) => one.getAttribute("aria-disabled"))).toEqual(["true", "true"]);
	});
	it("offers the tuned lens where there is one", async () => {
		const tuned = { on: true, title: "tuned lens of m" };
		const { press, model, get } = await show({ payload: payload({ tuned }) });
		expect(get(".iw-title").textContent).toBe("Tuned lens");
		press("tuned lens");
		expect(model.last("tuned")).toMatchObject({ on: false });
		const without = await show();
		expect(without.all(".iw-tool .iw-tick-box").every((one) => one.hidden)).toBe(true);
	});
});

describe("pins", () => {
	it("are set with P, numbered, in the caption, and told to Python", async () => {
		const { key, model, texts, get } = await show();
		key("ArrowUp");
		key("p");
		await settle();
		expect(model.get("kept")).toMatchObject({ pins: [{ layer: 1, position: 2, text: " c" }] });
		expect(texts(".iw-g-cells .iw-g-number")).toEqual(["1"]);
		expect(get(".iw-cap").textContent).toContain("Pinned: 1 L1, position 2");
	});
	it("are set by a click with shift", async () => {
		const { click, model } = await show();
		click(1, 0, { shiftKey: true });
		await settle();
		expect(model.get("kept")).toMatchObject({ pins: [{ layer: 0, position: 0, text: "a" }] });
		expect(model.last("select")).toBeUndefined();
	});
});

describe("what the page does not hold", () => {
	it("is asked for once, one thing at a time, and drawn when it comes", async () => {
		const { model, click, get } = await show({ payload: sparse() });
		expect(model.sent.filter(({ kind }) => kind === "column")).toHaveLength(1);
		expect(model.last("column")).toMatchObject({ run: 3, position: 2 });
		click(0, 2);
		await settle();
		expect(get(".iw-ln-pop").textContent).toContain("loading");
		const { columns } = payload();
		const buffer = (name: "index" | "logprob" | "target_logprob" | "target_rank") => {
			const data = columns[name] as Uint8Array;
			return data.slice((2 * data.length) / 3);
		};
		const names = ["index", "logprob", "target_logprob", "target_rank"] as const;
		const ids = payload().ids;
		model.emit(
			"msg:custom",
			{
				...{ id: model.last("column")?.id, ok: true },
				columns: { positions: [2], ids, words: ids.map((id) => ` new${id}`) },
			},
			names.map(buffer),
		);
		await settle();
		expect(get(".iw-ln-guess").textContent).toBe("1·new00.290");
		expect(model.sent.filter(({ kind }) => kind === "column")).toHaveLength(1);
	});
	it("is said where no kernel answers, and not asked for again", async () => {
		const { model, click, get } = await show({ payload: sparse() });
		const error = { code: "no-kernel", message: "no kernel" };
		model.emit("msg:custom", { id: model.last("column")?.id, ok: false, error }, []);
		await settle();
		click(0, 2);
		await settle();
		expect(get(".iw-ln-pop").textContent).toContain("this page does not hold it");
		expect(get(".iw-stamp").textContent).toContain("no kernel");
		expect(model.sent.filter(({ kind }) => kind === "column")).toHaveLength(1);
	});
	it("leaves cells bare until their numbers come", async () => {
		const { model, press } = await show({ payload: sparse() });
		const error = { code: "stale-run", message: "" };
		model.emit("msg:custom", { id: model.last("column")?.id, ok: false, error }, []);
		press("entropy");
		await settle();
		expect(model.last("map")).toMatchObject({ name: "entropy", target: -1, run: 3 });
	});
});

describe("the rest", () => {
	it("is a table of the position, with T", async () => {
		const { key, texts, get } = await show();
		key("t");
		await settle();
		expect(get(".iw-ln-table").hidden).toBe(false);
		expect(texts(".iw-ln-table th")).toEqual([
			...["layer", "entropy", "KL", "·w2", "rank", "·w5", "rank", "most probable"],
		]);
		expect(texts(".iw-ln-table tbody tr:first-child td").slice(0, 5)).toEqual([
			...["L1", "1.82", "0.15", "0.072", "6"],
		]);
	});
	it("reads what is under the pointer, in a line that is always there", async () => {
		const { get, key } = await show();
		expect(get(".iw-ln-read").textContent).toBe("");
		key("ArrowUp");
		await settle();
		expect(get(".iw-ln-read").textContent).toBe("L1, position 2 ·c → ·w0 0.290 · 1.82 nats");
	});
	it("says where the keyboard is", async () => {
		const { get, key } = await show();
		key("ArrowLeft");
		key("ArrowLeft");
		await settle();
		expect(get(".iw-g").getAttribute("aria-label")).toBe(
			"lens, 2 layers × 3 tokens; layer 1, position 1: ·w4, 0.313",
		);
	});
	it("copies the position in numbers", async () => {
		const writeText = vi.fn(async (_: string) => {});
		vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText } });
		const { press } = await show({ kept: { ...kept, panel_open: true } });
		press("copy values");
		await settle();
		const [head = "", first = ""] = String(writeText.mock.lastCall?.[0]).split("\n");
		expect(head.split("\t").slice(0, 6)).toEqual([
			...["layer", "position", "entropy", "kl", "p  w2", "rank  w2"],
		]);
		expect(first.split("\t").slice(0, 2)).toEqual(["1", "2"]);
		vi.unstubAllGlobals();
	});
	it("ends with everything it began", async () => {
		const { model, end, el } = await show();
		end();
		expect(model.listeners()).toBe(0);
		expect(el.childElementCount).toBe(0);
	});
});

describe("many tokens", () => {
	it("are pooled, and the caption says so", async () => {
		const count = 1000;
		const tokens = Array.from({ length: count }, (_, i) => ({
			...{ text: ` t${i}`, special: false, generated: false },
		}));
		const best = new Uint8Array(new Uint32Array(2 * count).buffer);
		const none = { positions: [], ids: [], words: [] };
		const long = payload({ tokens, best, best_logprob: best, maps: [], columns: none });
		const { get } = await show({ payload: long });
		expect(get(".iw-cap").textContent).toContain("Each colour is the strongest of 6 tokens.");
	});
});

describe("numbers", () => {
	it("decode, exact or as float16, from any place in a buffer", () => {
		const store = new Store();
		const written = payload();
		store.setPayload(written);
		fill(store, written);
		expect(store.map("entropy")?.[0]).toBeCloseTo(1.738, 3);
		expect([...(store.map("rank", 0) ?? [])]).toEqual([6, 1, 5, 4, 4, 5]);
		const half = { ...written, dtype: "float16" as const };
		half.maps = [{ name: "kl", target: -1, data: new Uint8Array([0, 0x3c, 0, 0xc0, 0, 0x7e]) }];
		const odd = new Uint8Array([9, ...(written.best_logprob as Uint8Array)]);
		half.best_logprob = new DataView(odd.buffer, 1);
		store.setPayload(half);
		fill(store, half);
		expect([...(store.map("kl") ?? [])]).toEqual([1, -2, Number.NaN]);
		expect(Math.exp(store.logprob[0] ?? 0)).toBeCloseTo(0.306, 3);
	});
});

describe("names of lines", () => {
	const inside = { x: 0, y: 0, width: 200, height: 100 };
	it("keep off one another and inside", () => {
		const points = [[50, 50]] as const;
		const wanted = [
			{ points, width: 40 },
			{ points, width: 40 },
		];
		const [a, b] = placeNames(wanted, [points], inside).map((one) => one?.at ?? [0, 0]) as [
			readonly [number, number],
			readonly [number, number],
		];
		expect(Math.abs(a[0] - b[0]) >= 40 || Math.abs(a[1] - b[1]) >= 15).toBe(true);
	});
	it("keep off lines", () => {
		const line = Array.from({ length: 11 }, (_, i): [number, number] => [i * 20, 50]);
		const [name] = placeNames([{ points: line, width: 40 }], [line], inside);
		const [, y] = name?.at ?? [0, 50];
		expect(y >= 50 || y + 15 <= 50).toBe(true);
	});
});
