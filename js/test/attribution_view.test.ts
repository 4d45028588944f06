import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import attribution from "../src/views/attribution/index";
import makeTools from "../src/views/attribution/tools/index";
import { kept, many, payload, traits } from "./attribution_fake";
import { fakeModel, selection, status } from "./fake";

type Mount = typeof attribution.render;

const ends: (() => void)[] = [];
const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");

const settle = async (): Promise<void> => void (await vi.advanceTimersByTimeAsync(100));

/** A view whose second part does not come. */
function bare(change: Record<string, unknown> = {}) {
	const model = fakeModel(traits(change));
	const el = document.createElement("div");
	document.body.append(el);
	const end = attribution.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const press = (text: string) => {
		const found = all("button").find((button) => button.textContent === text);
		if (!found) throw new Error(`no ${text}`);
		found.click();
	};
	const key = (name: string) =>
		get(".iw-bars").dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
	const labels = () => all("[data-bar] .iw-bars-label").map((label) => label.textContent);
	return { model, el, end, all, get, press, key, labels };
}

/** A view whose second part is there, as it is a moment after the first picture. */
async function show(change: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const shown = bare(change);
	await settle();
	return shown;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("the first picture", () => {
	it("has bars, their values and what they sum to, and selects, before the rest comes", async () => {
		const { get, all, labels, model } = bare();
		expect(get(".iw").dataset).toMatchObject({
			iw: "attribution",
			run: "13",
			by: "head",
			pos: "3",
		});
		expect(labels()).toEqual(["L1 MLP", "L0 H1", "L1 H2", "remainder"]);
		const values = all(".iw-bars-value").map((value) => value.textContent);
		expect(values).toEqual(["+2.50", "+0.75", "−1.50", "+0.00"]);
		expect(get(".iw-bars-foot").textContent).toBe(
			"logits toward ·Mary over ·Johnall bars sum to +1.75, the logit difference",
		);
		get('[data-bar="2"]').click();
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[1, 2]], tokens: [], layer: null });
		expect(get('[data-bar="2"]').getAttribute("aria-selected")).toBe("true");
	});
	it("keeps hostile text as text", () => {
		const text = "<img src=x onerror=alert(1)>";
		const token = { text, special: false, generated: false };
		const { el, get } = bare({ payload: payload({ toward: token }) });
		expect(el.querySelector("img")).toBeNull();
		expect(get(".iw-bars-foot").textContent).toContain(text);
	});
	it("says so before the first run", () => {
		const empty = { ...status, kind: "empty", message: "No run yet: trace a prompt" };
		const { get } = bare({ payload: null, status: empty });
		expect(get(".iw-block").textContent).toContain("No run yet");
		expect(get(".iw-figure").hidden).toBe(true);
	});
	it("leaves nothing behind when it goes", () => {
		const { end, model, el } = bare();
		end();
		expect(model.listeners()).toBe(0);
		expect(el.childElementCount).toBe(0);
	});
});

describe("the selection", () => {
	it("of another view marks its head, and unfolds a small one", async () => {
		const { model, all } = await show({ payload: payload({ bars: [many(20)] }) });
		model.change("selection", selection({ heads: [[17, 0]], revision: 5 }));
		await settle();
		const marked = all('[aria-selected="true"] .iw-bars-label');
		expect(marked.map((label) => label.textContent)).toEqual(["L17 H0"]);
	});
	it("moves by keys: arrows, Enter, Esc; T is the table", async () => {
		const { model, key, get } = await show();
		key("ArrowDown");
		await settle();
		expect(get(".iw-at-what").textContent).toContain("L0 H1");
		key("Enter");
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[0, 1]] });
		key("Escape"); // the pointer
		key("Escape");
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [] });
		key("t");
		await settle();
		expect(get(".iw-at-table").textContent).toContain("+2.00 to +3.00");
		expect(model.get("kept")).toMatchObject({ table_open: true });
	});
});

describe("breakdowns", () => {
	it("that are held are drawn at once and kept", async () => {
		const { model, press, labels, get } = await show();
		press("sources");
		await settle();
		expect(labels()[0]).toBe("L1 H2 ← 3c");
		expect(model.last("split")).toBeUndefined();
		expect(model.get("kept")).toMatchObject({ by: "source" });
		expect(get(".iw").dataset.by).toBe("source");
	});
	it("that are not are one more run, and offered as such", async () => {
		const { model, press, get } = await show();
		expect(get('[data-name="neuron"]').title).toBe("one more run");
		press("neurons");
		expect(model.last("split")).toMatchObject({ by: "neuron", mean: true, follow: false });
	});
	it("cannot be had without a kernel", async () => {
		const { model, press, get } = await show({ status: { ...status, can_rerun: false } });
		expect(get('[data-name="neuron"]').title).toContain("needs a kernel");
		press("neurons");
		expect(model.last("split")).toBeUndefined();
	});
	it("of sources are offered for a head", async () => {
		const breakdowns = payload().breakdowns.map((one) =>
			one.name === "source" ? { ...one, why: "run" } : one,
		);
		const { model, press, get } = await show({
			payload: payload({ breakdowns, strips: null, bars: payload().bars.slice(0, 2) }),
		});
		get('[data-bar="2"]').click();
		await settle();
		press("split by source token");
		expect(model.last("split")).toMatchObject({ by: "source" });
	});
});

describe("the read-out", () => {
	it("has the interval and the control, or says that there is none", async () => {
		const several = payload({ n: 5, prompt_count: 5, mean: true });
		const { get, press } = await show({ payload: several });
		const text = () => get(".iw-at-read").textContent;
		expect(text()).toContain("95 % +2.00 to +3.00, 5 prompts");
		expect(text()).toContain("random direction, 95 %: ±0.50");
		press("sources");
		await settle();
		expect(text()).toContain("no control");
	});
	it("shows what a head took from each token, which can be clicked", async () => {
		const { get, all, model } = await show();
		get('[data-bar="2"]').click();
		await settle();
		expect(all(".iw-at-chip").map((chip) => chip.title)).toEqual([
			...["0: −0.50", "1: +0.00", "2: +0.25", "3: +1.50"],
		]);
		all(".iw-at-chip")[3]?.click();
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[1, 2]], tokens: [3] });
	});
});

describe("several prompts", () => {
	it("are drawn as a mean, or one at a time", async () => {
		const several = payload({ n: 5, prompt_count: 5, mean: true });
		const { get, press, model, all } = await show({ payload: several });
		expect(get(".iw-sub").textContent).toContain("mean of 5 prompts");
		press("one");
		expect(model.last("split")).toMatchObject({ mean: false, by: "head" });
		model.change("payload", payload({ prompt_count: 5, prompt_index: 2 }));
		await settle();
		const picker = all('[aria-label="prompt"]')[0];
		expect(picker?.hidden).toBe(false);
		expect(picker?.textContent).toContain("prompt 3 of 5");
	});
});

describe("the panel", () => {
	it("asks for another position, and to follow the selection", async () => {
		const { get, press, model } = await show({ kept: { ...kept, panel_open: true } });
		expect(get(".iw-at-position").textContent).toContain("after 3 c");
		get('[aria-label="next position"]').click();
		expect(model.last("position")).toBeUndefined();
		get('[aria-label="previous position"]').click();
		expect(model.last("position")).toMatchObject({ run: 13, pos: 2 });
		press("follow selected token");
		expect(model.last("split")).toMatchObject({ follow: true, by: "head" });
	});
	it("orders and unfolds the bars, and keeps that", async () => {
		const { press, labels, model } = await show({ payload: payload({ bars: [many(20)] }) });
		press("by layer");
		press("show all");
		await settle();
		expect(labels().slice(0, 3)).toEqual(["L0 H0", "L1 H0", "L2 H0"]);
		expect(labels()).toHaveLength(21);
		expect(model.get("kept")).toMatchObject({ order: "layer", every: true });
	});
	it("copies every bar with its places", async () => {
		const writeText = vi.fn(async (_: string) => {});
		vi.stubGlobal("navigator", { clipboard: { writeText } });
		const { press } = await show({ kept: { ...kept, by: "source" } });
		press("copy values");
		await settle();
		vi.unstubAllGlobals();
		const [text = ""] = writeText.mock.calls[0] ?? [];
		expect(text.split("\n")[1]).toBe("L1 H2 ← 3 c\t1\t2\t3\t1.5\t\t\t");
		expect(text.split("\n")).toHaveLength(5);
	});
});
