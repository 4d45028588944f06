import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import tokens from "../src/views/tokens/index";
import picture from "../src/views/tokens/picture/index";
import makeTools from "../src/views/tokens/tools/index";
import { fakeModel, selection } from "./fake";
import { float32, kept, payload, rows, traits } from "./tokens_fake";

type Mount = typeof tokens.render;

const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const part = (name: string) => Symbol.for(`interpwidgets.part.test.${name}`);
const look = ["src/shared/look.css", "src/views/tokens/style.css"]
	.map((file) => readFileSync(file, "utf8"))
	.join("\n")
	.replace(/[^{}]*:empty[^{}]*\{[^}]*\}/g, ""); // here what was empty once stays so
const ACCENT = "#b2006f";
const ends: (() => void)[] = [];

/** The file that a click in the ⋯ panel makes, and its name. */
async function saved(change: Record<string, unknown> = {}, width = "85 mm", clear = false) {
	page[part("tools")] = Promise.resolve(makeTools);
	page[part("picture")] = Promise.resolve(picture);
	const el = document.createElement("div");
	document.body.append(el);
	const model = fakeModel(traits(change)).as();
	ends.push(tokens.render({ model, el } as unknown as Parameters<Mount>[0]));
	await vi.advanceTimersByTimeAsync(100);
	const press = (text: string) =>
		[...el.querySelectorAll("button")].find((one) => one.textContent === text)?.click();
	const blobs: Blob[] = [];
	const names: string[] = [];
	vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => `blob:${blobs.push(blob as Blob)}`);
	vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
		this: HTMLAnchorElement,
	) {
		names.push(this.download);
	});
	el.querySelector("[data-pos='3']")?.dispatchEvent(
		new PointerEvent("pointerover", { bubbles: true }),
	);
	await vi.advanceTimersByTimeAsync(100);
	press(width);
	if (clear) press("transparent");
	press("SVG");
	await vi.advanceTimersByTimeAsync(100);
	const source = (await blobs[0]?.text()) ?? "";
	const svg = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
	const texts = [...svg.querySelectorAll("text")].map((text) => text.textContent);
	const rects = (attr: string, value: string) => svg.querySelectorAll(`[${attr}="${value}"]`);
	return { el, source, svg, texts, rects, names };
}

/** There is no layout here: all that has text is one line of one size. */
beforeEach(() => {
	vi.useFakeTimers();
	const style = document.createElement("style");
	style.textContent = look;
	document.head.append(style);
	const box = new DOMRect(10, 20, 30, 22);
	vi.spyOn(Element.prototype, "getBoundingClientRect").mockReturnValue(box);
	vi.spyOn(Range.prototype, "getBoundingClientRect").mockReturnValue(box);
	vi.spyOn(Range.prototype, "getClientRects").mockReturnValue([box] as unknown as DOMRectList);
});
afterEach(() => {
	for (const end of ends.splice(0)) end();
	vi.restoreAllMocks();
	vi.useRealTimers();
	for (const name of ["tools", "picture"]) delete page[part(name)];
	document.head.replaceChildren();
	document.body.replaceChildren();
	delete document.body.dataset.jpThemeLight;
});

describe("a text as a file", () => {
	it("has its title, every token, their values, the legend's ends, the stamp", async () => {
		const { texts, names, svg } = await saved();
		expect(names).toEqual(["tokens.svg"]);
		expect(svg.getAttribute("width")).toBe("85mm");
		expect(svg.getAttribute("viewBox")).toMatch(/^0 0 430 /);
		expect(texts).toEqual([
			...["Surprisal", "4 tokens", "0.00", "3.00 nats"],
			...["bos", "0", "a", "1.00", "b", "2.00", "c", "3.00"],
			...["Each token is coloured by its value.", "m r · pattern, uint8 · run 13"],
		]);
	});
	it("leaves out the tools, what is under the pointer and the cursor", async () => {
		const { texts, source, el } = await saved({ kept: { ...kept, table_open: true } });
		expect(texts).not.toContain("SVG");
		expect(texts.join()).not.toContain("position");
		expect(source).not.toContain("stroke-dasharray");
		expect(el.querySelector(".iw-picture, .iw-tx-hovered")).toBeNull();
	});
	it("outlines what is selected, and says its value", async () => {
		const none = await saved();
		expect(none.rects("stroke", ACCENT)).toHaveLength(0);
		const { rects, texts } = await saved({ selection: selection({ tokens: [1, 2], revision: 1 }) });
		expect(rects("stroke", ACCENT)).toHaveLength(2);
		expect(texts).toContain("2 tokens selected.");
		expect(texts).toContain("position 2");
	});
	it("keeps hostile text as text, in a file that opens", async () => {
		const hostile = ["<img src=x onerror=alert(1)>", "</text><script>&", "\u202e", "\u0000"];
		const tokens = hostile.map((text) => ({ text, special: false, generated: false }));
		const { source, svg, texts } = await saved({
			payload: payload({ tokens, prompt_label: "a\u0001\ud800b" }),
		});
		expect(svg.querySelector("parsererror, img, script")).toBeNull();
		expect(source).toContain("&lt;/text&gt;&lt;script&gt;&amp;");
		expect(texts).toEqual(expect.arrayContaining([...hostile.slice(0, 2), "U+202E", "U+0000"]));
		expect(texts).toContain("a\ufffd\ufffdb · 4 tokens");
	});
	it("has the marks of negative values, of those beyond the scale and not finite", async () => {
		const { svg, rects, texts } = await saved({
			payload: payload({
				...{ signed: true, scale: [-1, 1], absent: [0], nonfinite: [1] },
				values: float32(Number.NaN, Number.NaN, -0.5, 2),
			}),
		});
		expect(rects("fill", "url(#hatch)")).toHaveLength(1);
		expect(rects("fill", "url(#both)")).toHaveLength(1);
		expect(rects("stroke-dasharray", "3 2")).toHaveLength(1);
		expect(svg.querySelectorAll('path[d$="z"]')).toHaveLength(1);
		expect(texts).toEqual(expect.arrayContaining(["−1.00", "+1.00 nats", "−0.50", "NaN"]));
	});
	it("stacks rows as on screen, underlines what was generated", async () => {
		const { tokens } = payload();
		const generated = tokens.map((token, i) => ({ ...token, generated: i === 3 }));
		const { texts, rects } = await saved({ payload: rows(2, { tokens: generated }) });
		expect(texts).toEqual(expect.arrayContaining(["row 0", "row 1", "11.00", "13.00"]));
		expect([...rects("text-decoration", "underline")].map((one) => one.textContent)).toEqual([
			...["c", "c"],
		]);
	});
	it("is light on white, whatever the page; on nothing when asked; as wide as asked", async () => {
		document.body.dataset.jpThemeLight = "false";
		const white = await saved();
		expect(white.el.querySelector<HTMLElement>(".iw")?.dataset.theme).toBe("dark");
		expect(white.svg.firstElementChild?.getAttribute("fill")).toBe("#fff");
		expect(white.rects("fill", "rgb(29, 53, 89)")).toHaveLength(1);
		const clear = await saved({}, "1600 px", true);
		expect(clear.svg.firstElementChild?.tagName).toBe("defs");
		expect(clear.svg.getAttribute("width")).toBe("1600px");
	});
	it("says on the word when it is not made", async () => {
		vi.spyOn(XMLSerializer.prototype, "serializeToString").mockImplementation(() => {
			throw new Error("no room");
		});
		const { el, names } = await saved();
		const word = [...el.querySelectorAll("button")].find((one) => one.title.includes("no room"));
		expect(word?.textContent).toBe("SVG failed");
		expect(names).toEqual([]);
		expect(el.querySelector(".iw-picture")).toBeNull();
	});
});
