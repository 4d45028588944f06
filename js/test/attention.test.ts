import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import attention from "../src/views/attention/index";
import makeTools from "../src/views/attention/tools/index";
import { detail, fakeModel, payload, selection, status, traits } from "./fake";

type Mount = typeof attention.render;

const ends: (() => void)[] = [];

const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");

/** A view whose second part is there, as it is a moment after the first picture. */
async function show(change: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const shown = bare(change);
	await settle();
	return shown;
}

/** A view whose second part does not come. */
function bare(change: Record<string, unknown> = {}) {
	const model = fakeModel(traits(change));
	const el = document.createElement("div");
	document.body.append(el);
	const end = attention.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	const get = (selector: string) => {
		const found = el.querySelector<HTMLElement>(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const key = (selector: string, name: string) =>
		get(selector).dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
	return { model, el, end, get, key, map: () => get("[data-map]") };
}

async function settle(): Promise<void> {
	await vi.advanceTimersByTimeAsync(100);
}

function answer(
	model: ReturnType<typeof fakeModel>,
	kind: string,
	body: object,
	buffers: object[] = [],
) {
	model.emit("msg:custom", { id: model.last(kind)?.id, ok: true, ...body }, buffers);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("AttentionView", () => {
	it("draws a head that travels along", async () => {
		const { get, map, model } = await show();
		expect(get(".iw").dataset).toMatchObject({
			iw: "attention",
			run: "13",
			t: "4",
			status: "live",
			painted: "1",
		});
		expect(map().dataset).toMatchObject({ head: "0.0", sum: "4.000" });
		expect(get(".iw-sub").textContent).toBe("2 layers × 3 heads, 4 tokens");
		expect(get(".iw-stamp").textContent).toBe("m r · pattern, uint8 · run 13");
		expect(model.sent).toEqual([]);
	});

	it("asks for a head, shows that it loads, and draws the answer", async () => {
		const { get, map, model } = await show();
		get('[data-cell="1.2"]').click();
		await settle();
		expect(model.last("head")).toMatchObject({ run: 13, layer: 1, head: 2 });
		expect(model.last("select")).toMatchObject({ heads: [[1, 2]], tokens: [] });
		expect(get(".iw-map").className).toContain("iw-busy");
		expect(map().dataset.sum).toBeUndefined();
		const { tensor, ...rest } = detail(1, 2, 4);
		const { data, ...empty } = tensor;
		answer(model, "head", { detail: { ...rest, tensor: empty } }, [data ?? {}]);
		await settle();
		expect(map().dataset).toMatchObject({ head: "1.2", sum: "4.000" });
		expect(get(".iw-map").className).not.toContain("iw-busy");
	});

	it("says that it waits for the kernel", async () => {
		const { get } = await show();
		get('[data-cell="1.2"]').click();
		await vi.advanceTimersByTimeAsync(1_100);
		expect(get(".iw-right .iw-h").textContent).toContain("waiting for the kernel");
	});

	it("ignores an answer of another run", async () => {
		const { get, map, model } = await show();
		get('[data-cell="1.2"]').click();
		await settle();
		answer(model, "head", { detail: detail(1, 2, 4, 12) });
		await settle();
		expect(map().dataset.sum).toBeUndefined();
	});

	it("draws the new numbers of a payload that has the old run's number", async () => {
		const { get, map, model } = await show();
		const other = detail(0, 0, 4);
		const thin = { ...other.tensor, data: new Uint8Array(10).fill(127) };
		model.change("payload", payload({ details: [{ ...other, tensor: thin }] }));
		await settle();
		expect(map().dataset.sum).toBe("10.000");
		expect(get(".iw").dataset.run).toBe("13");
	});

	it("ignores an answer that was asked for under another payload", async () => {
		const { get, map, model } = await show();
		get('[data-cell="1.2"]').click();
		await settle();
		const old = model.last("head")?.id;
		model.change("payload", payload());
		await settle();
		expect(model.last("head")?.id).not.toBe(old);
		model.emit("msg:custom", { id: old, ok: true, detail: detail(1, 2, 4) });
		await settle();
		expect(map().dataset.sum).toBeUndefined();
	});

	it("keeps head and panel when a new run comes", async () => {
		const { get, map, model } = await show({
			selection: selection({ heads: [[0, 1]], tokens: [2], revision: 3 }),
		});
		get(".iw-more").click();
		model.change("payload", payload({ run: 14, details: [detail(0, 1, 4, 14)] }));
		await settle();
		expect(get(".iw").dataset.run).toBe("14");
		expect(map().dataset).toMatchObject({ head: "0.1", sum: "4.000" });
		expect(get(".iw-panel").hidden).toBe(false);
		await vi.advanceTimersByTimeAsync(300);
		expect(model.get("kept")).toMatchObject({ panel_open: true });
		expect(model.saves).toBe(1);
	});

	it("tells what is kept before another view takes its place", async () => {
		const { end, get, key, model } = await show();
		get(".iw-more").click();
		expect(model.get("kept")).toMatchObject({ panel_open: true, table_open: false });
		key(".iw", "t");
		end();
		expect(model.get("kept")).toMatchObject({ panel_open: true, table_open: true });
	});

	it("follows a selection made in Python", async () => {
		const { map, model, get } = await show();
		model.change("selection", selection({ heads: [[0, 0]], tokens: [1], revision: 5 }));
		await settle();
		expect(get("[data-pos='1']").className).toContain("iw-query");
		expect(map().dataset.head).toBe("0.0");
	});

	it("moves the query by keys and tells Python, not at every step", async () => {
		const { key, model, get } = await show();
		for (let i = 0; i < 3; i++) key(".iw-strip", "ArrowLeft");
		await settle();
		expect(get("[data-pos='0']").className).toContain("iw-query");
		const told = model.sent.filter(({ kind }) => kind === "select");
		expect(told.map(({ tokens }) => tokens)).toEqual([[2], [0]]);
	});

	it("picks another prompt by click and by arrow keys, and stops at the ends", async () => {
		const { key, model, get, el } = await show({
			payload: payload({ prompt_index: 1, prompt_count: 3 }),
		});
		const asked = () =>
			model.sent.filter(({ kind }) => kind === "prompt").map(({ index }) => index);
		expect(get(".iw-picker").textContent).toContain("prompt 2 of 3");
		el.querySelectorAll<HTMLElement>(".iw-picker button")[1]?.click();
		key(".iw-picker button", "ArrowLeft");
		expect(asked()).toEqual([2, 0]);
		model.change("payload", payload({ prompt_index: 2, prompt_count: 3 }));
		await settle();
		key(".iw-picker button", "ArrowRight");
		expect(asked()).toEqual([2, 0]);
	});

	it("has no picker for one prompt", async () => {
		expect((await show()).get(".iw-picker").hidden).toBe(true);
	});

	it("names the turns of a chat before their first token, as text", async () => {
		const turns = [
			{ role: "user", start: 1 },
			{ role: "<b>assistant</b>", start: 3 },
		];
		const { el } = await show({ payload: payload({ turns }) });
		const labels = [...el.querySelectorAll(".iw-turn")];
		expect(labels.map((node) => node.textContent)).toEqual(["user", "<b>assistant</b>"]);
		const next = labels.map((node) => node.nextElementSibling?.getAttribute("data-pos"));
		expect(next).toEqual(["1", "3"]);
	});

	it("opens the row as a table on T and closes it on Escape", async () => {
		const { key, el } = await show();
		key(".iw-map", "t");
		await settle();
		expect(el.querySelectorAll("tbody tr")).toHaveLength(4);
		key(".iw-map", "Escape");
		await settle();
		expect(el.querySelector<HTMLElement>(".iw-table")?.hidden).toBe(true);
	});

	it("says in a page without a kernel which heads it holds", async () => {
		const { get, model } = await show();
		get('[data-cell="1.2"]').click();
		await settle();
		const error = { code: "no-kernel", message: "" };
		model.emit("msg:custom", { id: model.last("head")?.id, ok: false, error });
		await settle();
		expect(get(".iw-right .iw-h").textContent).toContain("This page holds L0 H0 in full");
		expect(get(".iw-stamp").textContent).toContain("no kernel");
	});

	it("draws thumbnails that are every pair at once, and says how exact they are", async () => {
		const data = new Uint8Array(96).fill(254);
		const thumbs = { dtype: "uint8" as const, shape: [2, 3, 4, 4], data };
		const { get, map, model } = await show({
			payload: payload({ details: [], pooled: 1, thumbs }),
		});
		expect(get(".iw-map").className).not.toContain("iw-busy");
		const error = { code: "no-kernel", message: "" };
		model.emit("msg:custom", { id: model.last("head")?.id, ok: false, error });
		await settle();
		expect(map().dataset.sum).toBe("40.000");
		expect(get(".iw-cap").textContent).toContain("±0.002");
	});

	it("says in the cell when a request fails", async () => {
		const { get, model } = await show({ status: { ...status, kind: "stale" } });
		get("[data-act=rerun]").click();
		const error = { code: "busy", message: "the model is in use" };
		model.emit("msg:custom", { id: model.last("rerun")?.id, ok: false, error });
		await settle();
		expect(get(".iw-fail").textContent).toContain("rerun: the model is in use");
	});

	it.each([
		["empty", "No run yet."],
		["error", "✕ what went wrong"],
	] as const)("says why there is no figure: %s", async (kind, text) => {
		const message = kind === "error" ? "what went wrong\nwhat to do\ntrace" : "";
		const { get } = await show({ payload: null, status: { ...status, kind, message } });
		expect(get(".iw-block").textContent).toContain(text);
		expect(get(".iw-figure").hidden).toBe(true);
	});

	it("offers another run of a stale view", async () => {
		const { get, model } = await show({ status: { ...status, kind: "stale" } });
		get("[data-act=rerun]").click();
		expect(model.last("rerun")).toBeDefined();
	});

	it("says a failure in the cell, reports it, and recovers", async () => {
		const { el, model } = await show();
		const thumbs = { dtype: "uint8" as const, shape: [2, 3, 2, 2], data: new Uint8Array(1) };
		model.change("payload", payload({ run: 14, thumbs }));
		expect(el.querySelector(".iw-fail")?.textContent).toContain("24 numbers came with 1 bytes");
		expect(model.last("report")).toBeDefined();
		model.change("payload", payload({ run: 15, details: [] }));
		await settle();
		expect(el.querySelector(".iw-fail")).toBeNull();
	});

	it("keeps hostile tokens as text", async () => {
		const tokens = ["<img src=x onerror=alert(1)>", "</script>", "", "\u200b"].map((text) => ({
			...{ text, special: false, generated: false },
		}));
		const { el } = await show({ payload: payload({ tokens }) });
		expect(el.querySelector("img, script")).toBeNull();
	});

	it("hides static copies of itself while it lives", async () => {
		const { end } = await show();
		expect(document.head.textContent).toContain('[data-iw-view="v1"]');
		end();
		expect(document.head.textContent).not.toContain("v1");
	});

	it("draws, hovers and selects before the second part is there", async () => {
		const { el, get, model, map } = bare();
		await settle();
		expect(get(".iw").dataset.painted).toBe("1");
		get('[data-cell="0.1"]').click();
		get("[data-pos='2'] .iw-tok").click();
		get("[data-pos='1']").dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
		await settle();
		expect(get('[data-cell="0.1"]').className).toContain("iw-large");
		expect(get("[data-pos='2']").className).toContain("iw-query");
		expect(get("[data-pos='1']").className).toContain("iw-hovered");
		expect(model.last("select")).toMatchObject({ heads: [[0, 1]], tokens: [2] });
		get(".iw-more").click();
		await settle();
		expect(get(".iw-panel").textContent).toBe("waiting for the kernel");
		expect(el.querySelectorAll(".iw-labels span").length).toBeGreaterThan(0);
		expect(map().dataset.sum).toBeUndefined();
	});

	it("asks again for the second part when the panel is opened after a failure", async () => {
		const { get, model } = bare();
		await settle();
		const error = { code: "BundleError", message: "" };
		model.emit("msg:custom", { id: model.last("part")?.id, ok: false, error });
		await settle();
		get(".iw-more").click();
		await settle();
		expect(model.sent.filter(({ kind }) => kind === "part")).toHaveLength(2);
	});

	it("shows at once in a linked view what is selected in the other", async () => {
		const links = { group: "g", warning: "" };
		const [a, b] = [await show({ view_id: "a", links }), await show({ view_id: "b", links })];
		a.get('[data-cell="1.2"]').click();
		a.get("[data-pos='1'] .iw-tok").click();
		await settle();
		expect(b.get('[data-cell="1.2"]').className).toContain("iw-large");
		expect(b.get("[data-pos='1']").className).toContain("iw-query");
		expect(b.model.last("select")).toBeUndefined();
	});

	it("names a selected token that is not in this run, and warns of different runs", async () => {
		const lost = [{ position: 3, text: " cat" }];
		const links = { group: "g", warning: "linked views show runs 12 and 13" };
		const { get } = await show({ selection: selection({ lost }), links });
		expect(get(".iw-notes").textContent).toContain("linked views show runs 12 and 13");
		expect(get(".iw-notes").textContent).toContain("selected token ‹cat› at 3 is not in this run");
	});

	it("leaves nothing behind", async () => {
		const global = vi.spyOn(document, "addEventListener");
		const { el, end, model, get } = await show();
		get('[data-cell="1.2"]').click();
		await settle();
		expect(model.listeners()).toBeGreaterThan(0);
		end();
		expect(model.listeners()).toBe(0);
		expect(vi.getTimerCount()).toBe(0);
		expect(el.childElementCount).toBe(0);
		expect(global).not.toHaveBeenCalled();
	});

	it("has mounts of one model that do not disturb each other", async () => {
		const model = fakeModel(traits());
		const els = [document.createElement("div"), document.createElement("div")];
		document.body.append(...els);
		const mounts = els.map((el) =>
			attention.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]),
		);
		els[0]?.querySelector<HTMLElement>(".iw-more")?.click();
		await settle();
		expect(els.map((el) => el.querySelector<HTMLElement>(".iw-panel")?.hidden)).toEqual([
			false,
			true,
		]);
		mounts[0]?.();
		ends.push(...mounts);
		model.change("payload", payload({ run: 14 }));
		await settle();
		expect(els[1]?.querySelector<HTMLElement>(".iw")?.dataset.run).toBe("14");
	});
});
