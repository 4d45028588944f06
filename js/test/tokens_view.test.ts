import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TokensPayload } from "../src/contract.gen";
import tokens from "../src/views/tokens/index";
import { Rows } from "../src/views/tokens/rows";
import makeTools from "../src/views/tokens/tools/index";
import { fakeModel, selection, status } from "./fake";
import { float32, kept, payload, rows, traits } from "./tokens_fake";

type Mount = typeof tokens.render;

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
	const end = tokens.render({ model: model.as(), el } as unknown as Parameters<Mount>[0]);
	ends.push(end);
	const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
	const get = (selector: string) => {
		const [found] = all(selector);
		if (!found) throw new Error(`no ${selector}`);
		return found;
	};
	const fire = (at: number, type: string, more: PointerEventInit = {}) =>
		get(`[data-pos="${at}"]`).dispatchEvent(
			new PointerEvent(type, { bubbles: true, button: 0, ...more }),
		);
	const key = (name: string, more: KeyboardEventInit = {}) =>
		get(".iw-tx").dispatchEvent(
			new KeyboardEvent("keydown", { key: name, bubbles: true, ...more }),
		);
	const chosen = () => all(".iw-tx-chosen").map((chip) => Number(chip.dataset.pos));
	const press = (text: string) => {
		const found = all("button").find((button) => button.textContent === text);
		if (!found) throw new Error(`no ${text}`);
		found.click();
	};
	return { model, el, end, all, get, fire, key, chosen, press };
}

/** A view whose second part is there, as it is a moment after the first picture. */
async function show(change: Record<string, unknown> = {}) {
	page[PART] = Promise.resolve(makeTools);
	const shown = bare(change);
	await settle();
	return shown;
}

function answer(model: ReturnType<typeof fakeModel>, kind: string, buffers: object[] = []) {
	model.emit("msg:custom", { id: model.last(kind)?.id, ok: true, row: 0 }, buffers);
}

const withText = (...texts: string[]): Partial<TokensPayload> => ({
	tokens: texts.map((text) => ({ text, special: false, generated: false })),
	values: float32(...texts.map((_, i) => i)),
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.useRealTimers();
	delete page[PART];
	document.body.replaceChildren();
});

describe("the first picture", () => {
	it("is the text in its colours, and selects, before the second part comes", async () => {
		const { get, all, fire, chosen, model } = bare();
		expect(get(".iw").dataset).toMatchObject({ iw: "tokens", run: "13", t: "4", painted: "1" });
		expect(all(".iw-tx-word").map((word) => word.style.backgroundColor)).toEqual([
			"rgb(245, 245, 243)",
			"rgb(130, 181, 227)",
			"rgb(49, 114, 181)",
			"rgb(29, 53, 89)",
		]);
		expect(get(".iw-sub").textContent).toBe("4 tokens");
		expect(get(".iw-tx-scale").textContent).toBe("0.003.00 nats");
		fire(2, "pointerdown");
		await settle();
		expect(chosen()).toEqual([2]);
		expect(model.last("select")).toMatchObject({ tokens: [2], heads: [], prompt: null });
	});
	it("keeps hostile text as text", () => {
		const { get, el } = bare({
			payload: payload(withText("<img src=x onerror=alert(1)>", "</script>", "\u202e", "\n")),
		});
		expect(el.querySelector("img, script")).toBeNull();
		expect(get('[data-pos="0"]').textContent).toContain("<img src=x onerror=alert(1)>");
		expect(get('[data-pos="2"]').textContent).toContain("U+202E");
		expect(get('[data-pos="3"] + br')).toBeTruthy();
	});
	it("leaves absent values bare, hatches what is not finite, dashes negatives", () => {
		const { get } = bare({
			payload: payload({
				...{ signed: true, scale: [-1, 1], absent: [0], nonfinite: [1] },
				values: float32(Number.NaN, Number.NaN, -0.5, 2),
			}),
		});
		const word = (at: number) => get(`[data-pos="${at}"] .iw-tx-word`);
		expect(word(0).style.backgroundColor).toBe("");
		expect(word(0).className).toBe("iw-tx-word");
		expect(word(1).className).toContain("iw-hatch");
		expect(word(2).className).toContain("iw-tx-minus");
		expect(word(3).className).toContain("iw-tx-over");
		expect(get('[data-pos="2"] small').textContent).toBe("−0.50");
		expect(get('[data-pos="0"] small').textContent).toBe("");
	});
	it("begins a line with each turn of a chat", () => {
		const turns = [
			{ role: "user", start: 1 },
			{ role: "assistant", start: 3 },
		];
		const { all, get } = bare({ payload: payload({ turns }) });
		expect(all(".iw-tx-turn").map((turn) => turn.textContent)).toEqual(["user", "assistant"]);
		expect(get('[data-pos="3"]').previousSibling?.textContent).toBe("assistant");
	});
	it("stacks a few rows of a short text, and not many", () => {
		const few = bare({ payload: rows(3) });
		expect(few.all(".iw-tx-run").map((run) => run.dataset.row)).toEqual(["0", "1", "2"]);
		expect(few.all('[data-pos="1"] small').map((n) => n.textContent)).toEqual([
			...["1.00", "11.00", "21.00"],
		]);
		const many = bare({ payload: rows(7) });
		expect(many.all(".iw-tx-run")).toHaveLength(1);
	});
	it("says why there is nothing", () => {
		const empty = { ...status, kind: "empty", message: "No run yet: trace a prompt." };
		const { get } = bare({ payload: null, status: empty });
		expect(get(".iw-block").textContent).toContain("No run yet");
	});
});

describe("selecting", () => {
	it("drags over a range, and stops where the button is let go", async () => {
		const { fire, chosen } = await show();
		fire(1, "pointerdown");
		fire(2, "pointerover", { buttons: 1 });
		fire(3, "pointerover", { buttons: 1 });
		document.dispatchEvent(new PointerEvent("pointerup"));
		fire(0, "pointerover", { buttons: 0 });
		await settle();
		expect(chosen()).toEqual([1, 2, 3]);
	});
	it("extends with shift, toggles with control", async () => {
		const { fire, chosen } = await show();
		fire(1, "pointerdown");
		fire(3, "pointerdown", { shiftKey: true });
		await settle();
		expect(chosen()).toEqual([1, 2, 3]);
		fire(2, "pointerdown", { ctrlKey: true });
		await settle();
		expect(chosen()).toEqual([1, 3]);
	});
	it("works by keyboard: arrows, Enter, shift, Escape", async () => {
		const { key, chosen, get } = await show();
		key("ArrowRight");
		key("ArrowRight");
		key("Enter");
		await settle();
		expect(chosen()).toEqual([2]);
		expect(get(".iw-tx").getAttribute("aria-label")).toBe(
			"text of 4 tokens, 1 selected; position 2 ·b, 2.000 nats",
		);
		key("ArrowLeft", { shiftKey: true });
		await settle();
		expect(chosen()).toEqual([1, 2]);
		key("Escape");
		key("Escape");
		await settle();
		expect(chosen()).toEqual([]);
	});
	it("shows Python's selection, and keeps what other views select", async () => {
		const { model, fire, chosen } = await show();
		model.change("selection", selection({ heads: [[1, 2]], tokens: [1], feature: 7, revision: 1 }));
		await settle();
		expect(chosen()).toEqual([1]);
		fire(3, "pointerdown");
		await settle();
		expect(model.last("select")).toMatchObject({
			...{ heads: [[1, 2]], tokens: [3], layer: null, feature: 7, prompt: null },
		});
	});
	it("says which selected token the text does not have", async () => {
		const { model, get } = await show();
		const lost = [{ position: 2, text: " dog" }];
		model.change("selection", selection({ lost, revision: 1 }));
		await settle();
		expect(get(".iw-notes").textContent).toBe("selected token ‹dog› at 2 is not in this text");
	});
	it("marks the few chips that change, in every stacked row", async () => {
		const { fire, all } = await show({ payload: rows(3) });
		fire(1, "pointerdown");
		await settle();
		expect(all(".iw-tx-chosen")).toHaveLength(3);
		fire(2, "pointerdown");
		await settle();
		expect(all(".iw-tx-chosen").map((chip) => chip.dataset.pos)).toEqual(["2", "2", "2"]);
	});
});

describe("reading", () => {
	const expected = {
		words: ["a", "<b>"],
		k: 2,
		index: new Uint8Array(new Uint32Array([2 ** 32 - 1, 2 ** 32 - 1, 0, 1, 1, 0, 0, 1]).buffer),
		logprob: float32(0, 0, ...[0.5, 0.25, 0.75, 0.1, 0.5, 1e-4].map(Math.log)),
	};
	const guessed = payload({ expected, rank: [-1, 1, 0, 70], absent: [0] });
	it("has the value under the pointer and what was expected there", async () => {
		const { fire, get, all } = await show({ payload: guessed });
		fire(1, "pointerover");
		await settle();
		const read = get(".iw-tx-read");
		expect(read.textContent).toContain("1.000 nats");
		expect(read.textContent).toContain("position 1");
		expect(read.textContent).toContain("1 token was more probable");
		expect(all(".iw-tx-guess").map((line) => line.textContent)).toEqual([
			"a50\u2009%",
			"▸<b>25\u2009%",
		]);
		fire(3, "pointerover");
		await settle();
		expect(read.textContent).toContain("70 tokens were more probable");
		expect(read.textContent).toContain("1e−4");
		fire(0, "pointerover");
		await settle();
		expect(read.textContent).toContain("no value");
		expect(all(".iw-tx-guess")).toHaveLength(0);
	});
	it("begins at the largest value", async () => {
		const values = float32(Number.NaN, -5, 2, Number.POSITIVE_INFINITY);
		const { get } = await show({ payload: payload({ values, signed: true, scale: [-5, 5] }) });
		expect(get(".iw-tx-read").textContent).toContain("−5.000");
		expect(get(".iw-tx-read").textContent).toContain("the largest value");
	});
	it("has the other rows, where they are few", async () => {
		const { fire, all } = await show({ payload: rows(7) });
		fire(2, "pointerover");
		await settle();
		expect(all(".iw-tx-other").map((line) => line.textContent)).toContain("row 112.000");
	});
	it("changes no chip but those that are pointed at", async () => {
		const many = Array.from({ length: 2_000 }, (_, i) => ` w${i}`);
		const { fire, get } = await show({
			payload: payload({ ...withText(...many), scale: [0, 2_000] }),
		});
		const changed: Node[] = [];
		const observer = new MutationObserver((records) => {
			for (const { target } of records) changed.push(target);
		});
		observer.observe(get(".iw-tx"), { attributes: true, subtree: true, childList: true });
		fire(7, "pointerover");
		await settle();
		fire(8, "pointerover");
		await settle();
		observer.disconnect();
		const positions = changed.map((node) => (node as HTMLElement).dataset.pos);
		expect(new Set(positions)).toEqual(new Set(["7", "8"]));
	});
});

describe("rows", () => {
	it("are chosen by words, and the choice is kept", async () => {
		const axes = [
			{ name: "layer", labels: ["L0", "L1"] },
			{ name: "head", labels: ["H0", "H1", "H2", "H3"] },
		];
		const { press, get, model } = await show({ payload: rows(8, { rows: [], row_axes: axes }) });
		press("H2");
		await settle();
		press("L1");
		await settle();
		expect(get(".iw-sub").textContent).toBe("layer L1, head H2 · 4 tokens");
		expect(get('[data-pos="1"] small').textContent).toBe("61.00");
		expect(model.get("kept")).toMatchObject({ row: 6 });
	});
	it("are chosen from a list where there are many", async () => {
		const { get, all, model } = await show({ payload: rows(9) });
		const list = get("select") as HTMLSelectElement;
		expect(list.options).toHaveLength(9);
		list.value = "4";
		list.dispatchEvent(new Event("change"));
		await settle();
		expect(get('[data-pos="0"] small').textContent).toBe("40.00");
		all('[aria-label="next row"]')[0]?.click();
		await settle();
		expect(model.get("kept")).toMatchObject({ row: 5 });
	});
	it("are fetched where the page does not hold them", async () => {
		const { model, get } = await show({
			payload: rows(9, { held: [0], values: float32(0, 1, 2, 3) }),
		});
		const list = get("select") as HTMLSelectElement;
		list.value = "4";
		list.dispatchEvent(new Event("change"));
		await settle();
		expect(model.last("row")).toMatchObject({ run: 13, row: 4 });
		expect(get(".iw-tx-read").textContent).toBe("loading");
		await vi.advanceTimersByTimeAsync(1_000);
		expect(get(".iw-tx-read").textContent).toBe("waiting for the kernel");
		answer(model, "row", [float32(7, 8, 9, 10)]);
		await settle();
		expect(get('[data-pos="3"] small').textContent).toBe("10.00");
	});
	it("say what a page without a kernel does not hold", async () => {
		const { model, get } = await show({
			payload: rows(9, { held: [0], values: float32(0, 1, 2, 3) }),
			kept: { ...kept, row: 8 },
		});
		const error = { code: "no-kernel", message: "no kernel" };
		model.emit("msg:custom", { id: model.last("row")?.id, ok: false, error });
		await settle();
		expect(get(".iw-tx-read").textContent).toContain("does not hold this row");
		expect(get(".iw-stamp").textContent).toContain("no kernel");
	});
	it("follow Python", async () => {
		const { model, get } = await show({ payload: rows(9) });
		model.change("kept", { ...kept, row: 3 });
		await settle();
		expect(get('[data-pos="0"] small').textContent).toBe("30.00");
	});
});

describe("around the text", () => {
	it("is a table, by position or by value", async () => {
		const { key, all, press, model } = await show();
		key("t");
		await settle();
		const cells = () => all("tbody tr").map((row) => row.textContent);
		expect(cells()[1]).toBe("1·a1.000");
		press("by value");
		await settle();
		expect(cells()[0]).toBe("3c3.000");
		expect(model.get("kept")).toMatchObject({ table_open: true, by_value: true });
	});
	it("may list the ends of a row alone", async () => {
		const { all } = await show({
			kept: { ...kept, table_open: true, by_value: true, most: 1 },
		});
		expect(all("tbody tr").map((row) => row.textContent)).toEqual(["3c3.000", "…", "0bos0.000"]);
	});
	it("picks another text", async () => {
		const { model, all, get } = await show({
			payload: payload({ prompt_count: 3, prompt_label: "second", prompt_index: 1 }),
		});
		expect(get(".iw-picker").textContent).toBe("‹text 2 of 3›");
		expect(get(".iw-sub").textContent).toBe("second · 4 tokens");
		all('[aria-label="next text"]')[0]?.click();
		expect(model.last("prompt")).toMatchObject({ index: 2 });
	});
	it("leaves its group and comes back", async () => {
		const { model, press } = await show({ links: { group: "g", warning: "" } });
		press("linked");
		expect(model.last("link")).toMatchObject({ linked: false });
		model.change("links", { group: "", warning: "" });
		await settle();
		press("linked");
		expect(model.last("link")).toMatchObject({ linked: true });
	});
	it("copies its code and its values", async () => {
		const writeText = vi.fn(async (_: string) => {});
		vi.stubGlobal("navigator", { clipboard: { writeText } });
		const { model, press } = await show({ payload: payload({ absent: [0] }) });
		press("copy values");
		expect(writeText.mock.calls[0]?.[0].split("\n").slice(0, 3)).toEqual([
			...["position\ttoken\tnats", "0\t<bos>\t", "1\t a\t1"],
		]);
		press("copy as code");
		model.emit("msg:custom", { id: model.last("code")?.id, ok: true, code: "view" });
		await settle();
		expect(writeText).toHaveBeenLastCalledWith("view");
		vi.unstubAllGlobals();
	});
	it("ends with everything it began", async () => {
		const { model, end, el } = await show();
		end();
		expect(model.listeners()).toBe(0);
		expect(el.childElementCount).toBe(0);
	});
});

describe("the payload written by Python", () => {
	const revive = (_: string, value: unknown) => {
		const text = typeof value === "object" && value !== null && "b64" in value && value.b64;
		return text ? Uint8Array.from(atob(String(text)), (char) => char.charCodeAt(0)) : value;
	};
	const written: TokensPayload = JSON.parse(
		readFileSync("../tests/golden/tokens.json", "utf8"),
		revive,
	);
	it("decodes, from any place in a buffer", () => {
		const read = new Rows();
		read.setPayload(written);
		expect([...(read.get(0) ?? [])]).toEqual([0, 1, 2, 3, 4]);
		expect(read.expected(0)).toEqual([]);
		expect(read.expected(2).map(({ word }) => word)).toEqual(["b", "</script>"]);
		expect(read.expected(4)[1]?.probability).toBe(1);
		const odd = new Uint8Array([9, ...(written.values as Uint8Array)]);
		read.setPayload({ ...written, values: new DataView(odd.buffer, 1) });
		expect(read.get(0)?.[3]).toBe(3);
	});
	it("is refused where it is cut short", () => {
		expect(() => new Rows().setPayload({ ...written, values: float32(1) })).toThrow(
			"1 rows of 5 came as 1 numbers",
		);
	});
	it("is drawn", () => {
		const { all } = bare({ payload: written });
		expect(all(".iw-tx-chip")).toHaveLength(5);
	});
});
