import { describe, expect, it } from "vitest";
import { spelled, tokenNode, tokenText } from "../src/shared/tokens";

const token = (text: string, special = false) => ({ text, special, generated: false });

describe("tokenText", () => {
	it.each([
		[" Mary", "·Mary"],
		["a\nb", "a↵b"],
		["\n\n", "↵↵"],
		["\t", "⇥"],
		["   ", "···"],
		["", "‹empty›"],
		["\u200b", "‹U+200B›"],
		["\u0301", "‹U+0301›"],
		["<0xE2><0x80>", "‹xE2 x80›"],
		["a\u202eb", "a‹U+202E›b"],
		["🙂", "🙂"],
		["日本", "日本"],
		[" שלום", "\u2068·שלום\u2069"],
	])("shows %j as %s", (text, shown) => {
		expect(tokenText(token(text))).toBe(shown);
	});
	it("names special tokens", () => {
		expect(tokenText(token("<|endoftext|>", true))).toBe("‹eot›");
		expect(tokenText(token("[CLS]", true))).toBe("‹CLS›");
	});
	it("does not cut a grapheme", () => {
		expect(tokenText(token("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧"), 2)).toBe("👩‍👩‍👧…");
	});
});

describe("tokenNode", () => {
	it.each(["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>"])(
		"keeps %s as text",
		(text) => {
			const node = tokenNode(token(text), 99);
			expect(node.textContent).toBe(text);
			expect(node.children.length).toBe(0);
		},
	);
	it("isolates the direction of its text", () => {
		expect(tokenNode(token("שלום")).tagName).toBe("BDI");
	});
	it("keeps the full text in the title", () => {
		expect(tokenNode(token("abcdefgh"), 3).textContent).toBe("ab…");
		expect(tokenNode(token("a\u200bbcdefgh"), 3).title).toBe("a\u200bbcdefgh");
		expect(spelled({ text: "a\u200bb" })).toBe('"a\\u200Bb"');
	});
	it("has a real space in running text and a dot alone", () => {
		expect(tokenNode(token(" a"), 9, true).textContent).toBe(" a");
		expect(tokenNode(token(" a"), 9).textContent).toBe("·a");
	});
});
