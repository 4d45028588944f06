import { afterEach, describe, expect, it, vi } from "vitest";
import { type Bar, domainOf, makeBars, ticksOf } from "../src/shared/bars";
import { makeLife } from "../src/shared/life";

const ended = new AbortController();
const life = makeLife(ended.signal, (error) => {
	throw error;
});
const bar = (value: number, more: Partial<Bar> = {}): Bar => ({
	...{ label: `at ${value}`, value, text: String(value), ...more },
});

function drawn(...bars: Bar[]) {
	const handlers = { hover: vi.fn(), press: vi.fn(), move: vi.fn() };
	const made = makeBars(life, handlers);
	made.draw(bars, "some bars", String, []);
	made.mark(0, null);
	document.body.append(made.node);
	const rows = [...made.node.querySelectorAll<HTMLElement>("[data-bar]")];
	const part = (row: number, name: string) =>
		rows[row]?.querySelector<HTMLElement>(`.iw-bars-${name}`) ?? null;
	return { ...made, ...handlers, rows, part };
}

afterEach(() => document.body.replaceChildren());

describe("the axis", () => {
	it.each([
		[
			[0, 7],
			[0, 2, 4, 6],
		],
		[
			[-1.2, 3.1],
			[-1, 0, 1, 2, 3],
		],
		[
			[-0.003, 0.001],
			[-0.003, -0.002, -0.001, 0, 0.001],
		],
		[
			[0, 250],
			[0, 50, 100, 150, 200, 250],
		],
	] as const)("of %j has ticks at %j", (domain, ticks) => {
		expect(ticksOf(domain)).toEqual(ticks);
	});
	it("spans bars, whiskers, bands and hollow marks, with zero", () => {
		expect(domainOf([bar(2), bar(1)])).toEqual([0, 2]);
		expect(domainOf([bar(2, { interval: [-1, 5] })])).toEqual([-1, 5]);
		expect(domainOf([bar(2, { band: [-3, 3], control: 4 })])).toEqual([-3, 4]);
		expect(domainOf([bar(Number.NaN)])).toEqual([-1, 1]);
	});
});

describe("a bar", () => {
	it("grows right of zero for more and left of it for less", () => {
		const { part } = drawn(bar(3), bar(-1));
		expect(part(0, "more")?.style.cssText).toBe("left: 25%; width: 75%;");
		expect(part(1, "less")?.style.cssText).toBe("left: 0%; width: 25%;");
		expect(part(0, "less")).toBeNull();
		expect(part(0, "zero")?.style.left).toBe("25%");
	});
	it("has its value beyond its whisker, on its own side", () => {
		const { part } = drawn(bar(2, { interval: [1, 4] }), bar(-2, { interval: [-4, -1] }));
		expect(part(0, "value")?.style.left).toBe("calc(100% + 6px)");
		expect(part(1, "value")?.style.right).toBe("calc(100% + 6px)");
	});
	it("has its interval, its band and its hollow control, or none", () => {
		const { part } = drawn(bar(1, { interval: [0, 2], band: [-2, 2], control: 0 }), bar(1));
		expect(part(0, "whisker")?.style.cssText).toBe("left: 50%; width: 50%;");
		expect(part(0, "null")?.style.cssText).toBe("left: 0%; width: 100%;");
		expect(part(0, "control")?.style.left).toBe("50%");
		for (const name of ["whisker", "null", "control"]) expect(part(1, name)).toBeNull();
	});
	it("that is not finite is no bar, and breaks no other", () => {
		const { part } = drawn(bar(Number.NaN, { text: "NaN" }), bar(1));
		expect(part(0, "more")?.style.width).toBe("0%");
		expect(part(0, "value")?.textContent).toBe("NaN");
		expect(part(1, "more")?.style.width).toBe("100%");
	});
	it("says that it is selected, and draws a token as one", () => {
		const token = { text: "<b>x</b>", special: false, generated: false };
		const { rows } = drawn(bar(1, { selected: true, token }), bar(2));
		expect(rows.map((row) => row.getAttribute("aria-selected"))).toEqual(["true", "false"]);
		expect(rows[0]?.querySelector(".iw-tok")?.textContent).toBe("<b>x</b>");
		expect(rows[0]?.querySelector("b")).toBeNull();
	});
});

describe("rows of bars", () => {
	it("are pointed at, clicked and left", () => {
		const { rows, hover, press, node } = drawn(bar(1), bar(2));
		rows[1]?.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
		expect(hover).toHaveBeenLastCalledWith(1);
		rows[1]?.querySelector<HTMLElement>(".iw-bars-value")?.click();
		expect(press).toHaveBeenCalledWith(1, expect.any(MouseEvent));
		node.dispatchEvent(new PointerEvent("pointerleave"));
		expect(hover).toHaveBeenLastCalledWith(null);
	});
	it("are walked through by keys, which the page does not see", () => {
		const { node, mark, move, press } = drawn(bar(1), bar(2), bar(3));
		const seen = vi.fn();
		document.body.addEventListener("keydown", seen, { once: true });
		const key = (name: string) =>
			node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
		mark(1, null);
		for (const name of ["ArrowUp", "ArrowDown", "Home", "End"]) key(name);
		expect(move.mock.calls).toEqual([[0], [2], [0], [2]]);
		mark(2, null);
		key("ArrowDown");
		expect(move).toHaveBeenLastCalledWith(2);
		key("Enter");
		expect(press).toHaveBeenCalledWith(2, expect.any(KeyboardEvent));
		expect(seen).not.toHaveBeenCalled();
		const active = node.getAttribute("aria-activedescendant");
		expect(document.getElementById(active ?? "")?.dataset.bar).toBe("2");
	});
});
