import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inCell, integer, list, percent, plural, weight } from "../src/shared/format";
import { colour, STOPS, textOn } from "../src/shared/ramp";

describe("numbers", () => {
	it.each([
		[weight(0.5817), "0.58"],
		[weight(0.5817, 3), "0.582"],
		[weight(0), "0.00"],
		[weight(0.0007), "7e−4"],
		[weight(-0.25), "−0.25"],
		[weight(Number.NaN), "NaN"],
		[inCell(0.58), ".58"],
		[inCell(0.999), "1.0"],
		[integer(1024), "1,024"],
		[percent(0.94), "94\u2009%"],
		[plural(1, "token"), "1 token"],
		[list([0, 2, 3, 4, 7, 8]), "0, 2–4, 7, 8"],
	])("%s is %s", (shown, expected) => {
		expect(shown).toBe(expected);
	});
});

describe("the ramp", () => {
	it("has its stops, and mixes bytes between them", () => {
		expect(colour("light", 0)).toEqual([0xf5, 0xf5, 0xf3]);
		expect(colour("light", 1)).toEqual([0x1d, 0x35, 0x59]);
		expect(colour("dark", -1)).toEqual([0xfb, 0xd0, 0xa6]);
		expect(colour("light", 1 / 12)).toEqual([215, 230, 241]);
	});
	it("does not leave its ends", () => {
		expect(colour("light", 7)).toEqual(colour("light", 1));
	});
	it("carries readable text", () => {
		expect([textOn(colour("light", 0)), textOn(colour("light", 1))]).toEqual(["#000", "#fff"]);
	});
	it("has the colours of look.css", () => {
		const css = readFileSync("src/shared/look.css", "utf8");
		for (const theme of ["light", "dark"] as const) {
			for (const rgb of STOPS[theme].more) {
				expect(css).toContain(`#${rgb.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`);
			}
		}
	});
});
