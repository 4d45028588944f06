import { describe, expect, it } from "vitest";
import { MASKED, paint, pool } from "../src/shared/pixels";
import { bytesOf, checksum, decode, decodeMatrix, rowOf } from "../src/shared/tensor";

const halves = (...bits: number[]): Uint8Array => new Uint8Array(Uint16Array.from(bits).buffer);

describe("bytesOf", () => {
	it("honours a misaligned byteOffset and the byteLength", () => {
		const buffer = new Uint8Array([9, 1, 2, 3, 9]).buffer;
		expect([...bytesOf(new DataView(buffer, 1, 3))]).toEqual([1, 2, 3]);
		expect([...bytesOf(new Uint8Array(buffer, 1, 3))]).toEqual([1, 2, 3]);
		expect(bytesOf(buffer).length).toBe(5);
	});
});

describe("decode", () => {
	it.each([
		["zero", 0x0000, 0],
		["one", 0x3c00, 1],
		["a negative", 0xc000, -2],
		["the least subnormal", 0x0001, 2 ** -24],
		["the largest subnormal", 0x03ff, 1023 * 2 ** -24],
		["the largest", 0x7bff, 65504],
		["infinity", 0x7c00, Number.POSITIVE_INFINITY],
		["not a number", 0x7e00, Number.NaN],
	])("reads float16 %s", (_, bits, value) => {
		const data = halves(0, bits);
		const tensor = { dtype: "float16" as const, shape: [1], data: data.subarray(2) };
		expect(decode(tensor, 1, 1)[0]).toBe(value);
	});
	it("reads float16 from an odd address", () => {
		const data = new DataView(new Uint8Array([7, 0x00, 0x3c]).buffer, 1, 2);
		expect(decode({ dtype: "float16", shape: [1], data }, 1, 1)[0]).toBe(1);
	});
	it("reads codes by scale, 255 as not finite", () => {
		const data = new Uint8Array([0, 127, 254, 255]);
		expect([...decode({ dtype: "uint8", shape: [4], data }, 2, 4)]).toEqual([0, 1, 2, Number.NaN]);
	});
	it("reads signed codes around 127", () => {
		const data = new Uint8Array([0, 127, 254, 255]);
		const tensor = { dtype: "uint8" as const, shape: [4], data };
		expect([...decode(tensor, 2, 4, true)]).toEqual([-2, 0, 2, Number.NaN]);
	});
	it("refuses a tensor of another length", () => {
		const tensor = { dtype: "uint8" as const, shape: [2, 2], data: new Uint8Array(3) };
		expect(() => decode(tensor, 1, 4)).toThrow("4 numbers came with 3 bytes");
	});
});

describe("a triangle", () => {
	const data = new Uint8Array([254, 127, 0, 0, 127, 255]);
	const matrix = decodeMatrix({ dtype: "uint8", shape: [3, 3], data }, "triangle", 1);
	it("has rows as long as their query has keys", () => {
		expect([...rowOf(matrix, 1)]).toEqual([0.5, 0]);
	});
	it("has a sum of what is finite, weighted by the key", () => {
		expect(checksum(matrix)).toBe(2.5);
	});
	it("is pooled by the maximum, not finite before all else", () => {
		const cells = pool(matrix, { query: 0, key: 0, count: 3 }, 2, true);
		expect([...cells]).toEqual([1, MASKED, 0.5, Number.NaN]);
	});
	it("is pooled by the size whatever the sign, and has zeros where it holds no keys", () => {
		const signed = { size: 2, triangle: true, values: Float32Array.of(0.2, -0.5, 0.3) };
		const window = { query: 0, key: 0, count: 2 };
		expect([...pool(signed, window, 2, true)]).toEqual([-0.5]);
		expect(pool(signed, window, 1, false)[1]).toBe(0);
	});
	it("leaves masked cells unpainted", () => {
		const pixels = new Uint32Array(4);
		const target = { pixels, stride: 2, x: 0, y: 0, size: 2, gap: 0 };
		paint(target, Float32Array.of(1, MASKED, 0, 0), 2, {
			...{ theme: "light", levels: new Uint32Array(255).fill(7), hatch: 9, top: 1, signed: false },
		});
		expect([...pixels]).toEqual([7, 0, 7, 7]);
	});
});
