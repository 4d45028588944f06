import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import headBoard from "../src/views/head_board/index";
import { Numbers } from "../src/views/head_board/numbers";
import { initial, onPayload, orderOf, PAGE, toggled } from "../src/views/head_board/state";
import makeTools from "../src/views/head_board/tools/index";
import { fakeModel, selection, status } from "./fake";
import { column, composition, float16, kept, payload, traits } from "./head_board_fake";
import { float32 } from "./tokens_fake";

type Mount = typeof headBoard.render;

const ends: (() => void)[] = [];
const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const PART = Symbol.for("interpwidgets.part.test.tools");

async function settle(): Promise<void> {
	await vi.advanceTimersByTimeAsync(100);
}

/** A view whose second part does not come. */
function bare(change: Record<string, unknown> = {}) {
	const model = fakeModel(traits(change));
	const el = document.createElement("div");
	document.body.append(el);
	const end = headBoard.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const heads = () => all(".iw-hb-table tbody th").map((name) => name.textContent);
	const press = (text: string) => {
		const found = all("button").find((button) => button.textContent?.startsWith(text));
		if (!found) throw new Error(`no ${text}`);
		found.click();
	};
	const key = (name: string, more: KeyboardEventInit = {}) =>
		get(".iw-hb-scroll").dispatchEvent(
			new KeyboardEvent("keydown", { key: name, bubbles: true, ...more }),
		);
	return { model, el, end, all, get, heads, press, key };
}

/** A view whose second part is there, as it is a moment after the first picture. */
async function show(change: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const shown = bare(change);
	await settle();
	return shown;
}

function answer(model: ReturnType<typeof fakeModel>, kind: string, buffers: object[] = []) {
	model.emit("msg:custom", { id: model.last(kind)?.id, ok: true }, buffers);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("the table", () => {
	it("has a row a head with each number, before the second part comes", () => {
		const { heads, all, get } = bare();
		expect(get(".iw").dataset).toMatchObject({ iw: "head_board", run: "13", painted: "1" });
		expect(heads()).toEqual(["L0 H0", "L0 H1", "L1 H0", "L1 H1"]);
		expect(all(".iw-hb-n").map((cell) => cell.textContent)).toEqual([
			"0.00",
			"−1.00",
			"0.50",
			"0.00",
			"0.13",
			"+0.50",
			"1.00",
			"·",
		]);
	});
	it("fills bars beyond their control and leaves the others hollow", () => {
		const { all } = bare();
		const bars = all(".iw-hb-cell").map((cell) => cell.querySelector(".iw-hb-more") !== null);
		expect(bars).toEqual([false, false, true, false, false, true, true, false]);
		expect(all(".iw-hb-within")).toHaveLength(4);
		expect(all(".iw-hb-bar.iw-hatch")).toHaveLength(1);
	});
	it("puts zero in the middle of a signed column", () => {
		const { all } = bare({
			payload: payload({ columns: [column("c", [-1, 0.5, 0, 0], { signed: true })] }),
		});
		const bars = all(".iw-hb-bar i:last-child").map(({ style }) => [style.left, style.width]);
		expect(bars.slice(0, 2)).toEqual([
			["0.00%", "50.00%"],
			["50.00%", "25.00%"],
		]);
	});
	it("sorts by a column, turns around at the second click, and keeps NaN last", async () => {
		const { heads, press, model } = await show();
		press("copying");
		await settle();
		expect(heads()).toEqual(["L1 H0", "L0 H1", "L0 H0", "L1 H1"]);
		press("copying");
		await settle();
		expect(heads()).toEqual(["L0 H0", "L0 H1", "L1 H0", "L1 H1"]);
		expect(model.get("kept")).toMatchObject({ sort: "copying", ascending: true });
	});
	it("is narrowed to a layer, and to what is beyond the control of what sorts it", async () => {
		const { heads, press, get } = await show();
		press("induction");
		press("beyond control");
		await settle();
		expect(heads()).toEqual(["L1 H1", "L0 H1"]);
		const list = get(".iw-hb-list") as HTMLSelectElement;
		list.value = "0";
		list.dispatchEvent(new Event("change"));
		await settle();
		expect(heads()).toEqual(["L0 H1"]);
	});
	it("turns pages of many heads", async () => {
		const layers = Array.from({ length: 16 }, (_, layer) => layer);
		const values = layers.flatMap((layer) => [layer, layer + 0.5]);
		const many = payload({
			layers,
			columns: [column("c", values)],
			weights: null,
			composition: null,
		});
		const { heads, get } = await show({ payload: many });
		expect(heads()).toHaveLength(PAGE);
		get('[aria-label="heads after"]').click();
		await settle();
		expect(heads()).toHaveLength(32 - PAGE);
		expect(heads()[0]).toBe("L12 H0");
	});
});

describe("a head", () => {
	it("is selected by a click, and with control one more", async () => {
		const { all, model } = await show();
		all("tbody tr[data-head]")[1]?.click();
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[0, 1]] });
		all("tbody tr[data-head]")[2]?.dispatchEvent(
			new MouseEvent("click", { bubbles: true, ctrlKey: true }),
		);
		await settle();
		expect(model.last("select")).toMatchObject({
			heads: [
				[0, 1],
				[1, 0],
			],
		});
		expect(all(".iw-hb-table .iw-hb-chosen")).toHaveLength(2);
	});
	it("is reached by the arrows, taken by Enter and ablated by space", async () => {
		const { key, model } = await show();
		key("ArrowDown");
		key("ArrowDown");
		key("Enter");
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[1, 0]] });
		key(" ");
		await settle();
		expect(model.last("ablate")).toMatchObject({ heads: [[1, 0]], mode: "zero" });
	});
	it("shows its eigenvalues, which are fetched where the page has them not", async () => {
		const { get, all, model } = await show({
			selection: selection({ heads: [[0, 0]], revision: 1 }),
		});
		expect(all(".iw-hb-dot")).toHaveLength(2);
		expect(all(".iw-hb-lowers")).toHaveLength(1);
		expect(get(".iw-hb-plane").getAttribute("aria-label")).toContain("size 2");
		all("tbody tr[data-head]")[1]?.click();
		await settle();
		expect(model.last("eigenvalues")).toMatchObject({ run: 13, layer: 0, head: 1 });
		answer(model, "eigenvalues", [float32(1, 0, 3, 0)]);
		await settle();
		expect(get(".iw-hb-side").textContent).toContain("L0 H1");
		expect(all(".iw-hb-dot")).toHaveLength(2);
	});
	it("keeps the tokens that another view selected", async () => {
		const held = selection({ tokens: [2], text: [" b"], revision: 1 });
		const { all, model } = await show({ selection: held });
		all("tbody tr[data-head]")[1]?.click();
		await settle();
		expect(model.last("select")).toMatchObject({ heads: [[0, 1]], tokens: [2] });
	});
});

describe("ablation", () => {
	const done = (heads: [number, number][]) => payload({ ablated: { heads, mode: "zero" } });
	it("is of all ticked heads, and undone with the last tick", async () => {
		const { all, model } = await show();
		const ticks = () => all("[data-tick]").map((box) => box.getAttribute("aria-checked"));
		all("[data-tick]")[0]?.click();
		all("[data-tick]")[3]?.click();
		await settle();
		expect(model.last("ablate")).toMatchObject({
			heads: [
				[0, 0],
				[1, 1],
			],
			mode: "zero",
		});
		expect(model.last("select")).toBeUndefined();
		model.change("payload", done([[0, 0]])); // the first run comes while the second waits
		await settle();
		expect(ticks()).toEqual(["true", "false", "false", "true"]);
		model.change(
			"payload",
			done([
				[0, 0],
				[1, 1],
			]),
		);
		all("[data-tick]")[0]?.click();
		all("[data-tick]")[3]?.click();
		await settle();
		expect(model.last("undo")).toBeDefined();
	});
	it("says its effect and offers the control", async () => {
		const effect = { title: "KL", value: 0.5, unit: "nats", control: null, note: "" };
		const { get, press, model } = await show({ payload: { ...done([[0, 0]]), effect } });
		expect(get(".iw-you").textContent).toBe(
			"L0 H0 zero-ablated · KL 0.500 nats · no control yet · run · undo",
		);
		press("run");
		expect(model.last("control")).toBeDefined();
	});
	it("takes a tick back that Python refuses", async () => {
		const { all, model } = await show();
		all("[data-tick]")[0]?.click();
		await settle();
		const error = { code: "SiteError", message: "no site z" };
		model.emit("msg:custom", { id: model.last("ablate")?.id, ok: false, error });
		await settle();
		expect(all("[data-tick]")[0]?.getAttribute("aria-checked")).toBe("false");
	});
	it("of each head alone is asked for, counted, and cancelled", async () => {
		const half = column("ablation", [1, 0.5, Number.NaN, Number.NaN], { title: "zero ablation" });
		const { press, model, get } = await show({ payload: payload({ columns: [half] }) });
		expect(get(".iw-hb-below").textContent).toContain("2 of 4 heads");
		press("go on with the others");
		expect(model.last("sweep")).toMatchObject({ mode: "zero" });
		model.change("status", { ...status, kind: "running", total: 4, done: 2 });
		await settle();
		press("cancel");
		expect(model.last("cancel")).toBeDefined();
	});
	it("needs a prompt, and says so", async () => {
		const { all, model } = await show({ payload: payload({ runnable: false }) });
		const [box] = all("[data-tick]");
		box?.click();
		expect(box?.title).toContain("needs a prompt");
		expect(model.last("ablate")).toBeUndefined();
	});
});

describe("composition", () => {
	it("names the pairs beyond random matrices of the chosen kind", async () => {
		const { all, get, press } = await show();
		const pairs = () => all(".iw-hb-pairs tbody tr").map((row) => row.textContent);
		expect(get(".iw-hb-named").textContent).toContain("2 of 4 pairs beyond random");
		expect(pairs()).toEqual(["L0 H1 → L1 H02.0008.0", "L0 H1 → L1 H10.5002.0"]);
		press("V");
		await settle();
		expect(pairs()).toEqual(["L0 H1 → L1 H11.0004.0"]);
	});
	it("lists all pairs when asked, those within chance dim", async () => {
		const { all, press } = await show();
		press("all pairs");
		await settle();
		const scores = all(".iw-hb-pairs tbody tr").map((row) => row.children[1]?.textContent);
		expect(scores).toEqual(["2.000", "0.500", "0.250", "0.125"]);
		expect(all(".iw-hb-pairs tbody .iw-dim")).toHaveLength(2);
	});
	it("selects sender and receiver of a pair", async () => {
		const { all, model } = await show();
		all(".iw-hb-pairs tbody tr")[0]?.click();
		await settle();
		expect(model.last("select")).toMatchObject({
			heads: [
				[0, 1],
				[1, 0],
			],
		});
	});
	it("of many heads shows layers, and fetches two of them", async () => {
		const pooled = composition({
			by: "layer",
			values: float16(0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0),
		});
		const board = { ...kept, block: [0, 1] };
		const { model, get } = await show({ payload: payload({ composition: pooled }), kept: board });
		expect(model.last("block")).toMatchObject({ run: 13, layer: 0, to_layer: 1 });
		answer(model, "block", [float16(0, 0, 0, 0, 0.5, 0.25, 2, 1, 0, 0, 0, 0)]);
		await settle();
		expect(get(".iw-hb-matrix").textContent).toContain("L0 → L1, head by head");
		expect(get(".iw-hb-matrix").querySelectorAll(".iw-g:not([hidden])")).toHaveLength(2);
	});
	it("is left out with its reason where there are no circuits", async () => {
		const absent = [{ part: "circuits", why: "no logits" }];
		const { get } = await show({ payload: payload({ weights: null, composition: null, absent }) });
		expect(get(".iw-hb-composition").textContent).toContain("No circuits: no logits");
	});
});

describe("the state", () => {
	const live = { ...initial, payload: payload() };
	it("orders by layer and head, from either end", () => {
		const numbers = new Numbers();
		numbers.setPayload(live.payload);
		expect(orderOf(live, numbers)).toEqual([0, 1, 2, 3]);
		expect(orderOf({ ...live, ascending: true }, numbers)).toEqual([3, 2, 1, 0]);
	});
	it("forgets a wish when the run shows it", () => {
		const wanted = toggled(live, [1, 0]);
		expect(wanted).toEqual([[1, 0]]);
		const now = payload({ ablated: { heads: [[1, 0]], mode: "zero" } });
		expect(onPayload({ ...live, wanted }, now).wanted).toBeNull();
		expect(onPayload({ ...live, wanted }, payload())).not.toHaveProperty("wanted");
	});
	it("refuses numbers that do not fit", () => {
		const numbers = new Numbers();
		const wrong = payload({ columns: [column("c", [1])] });
		expect(() => numbers.setPayload(wrong)).toThrow("4 heads came as 1 numbers of c");
	});
});

describe("a view that goes", () => {
	it("leaves no listener behind", async () => {
		const { model, end, el } = await show();
		expect(model.listeners()).toBeGreaterThan(0);
		end();
		expect(model.listeners()).toBe(0);
		expect(el.childElementCount).toBe(0);
	});
});
