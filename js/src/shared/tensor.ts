import type { Bytes, WireTensor } from "../contract.gen";

/** A square of weights: all of it, or the lower triangle with its diagonal, row after row. */
export interface Matrix {
	size: number;
	triangle: boolean;
	values: Float32Array;
}

export function bytesOf(data: Bytes): Uint8Array {
	const { buffer, byteOffset } = "buffer" in data ? data : { buffer: data, byteOffset: 0 };
	return new Uint8Array(buffer, byteOffset, data.byteLength);
}

function half(bits: number): number {
	const sign = bits & 0x8000 ? -1 : 1;
	const exponent = (bits >> 10) & 31;
	const fraction = bits & 1023;
	if (exponent === 0) return sign * fraction * 2 ** -24;
	if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
	return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

let halves: Float32Array | null = null;

/** float16, little-endian. */
export function decodeHalf(bytes: Uint8Array): Float32Array {
	halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => half(bits));
	const out = new Float32Array(bytes.length >> 1);
	for (let i = 0; i < out.length; i++) {
		const bits = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
		out[i] = halves[bits] as number;
	}
	return out;
}

/** 0…254 is 0…scale, or −scale…scale; 255 is not finite. */
function decodeCodes(bytes: Uint8Array, scale: number, signed: boolean): Float32Array {
	const table = Float32Array.from(
		{ length: 256 },
		(_, code) => (signed ? (code - 127) / 127 : code / 254) * scale,
	);
	table[255] = Number.NaN;
	const out = new Float32Array(bytes.length);
	for (let i = 0; i < out.length; i++) out[i] = table[bytes[i] as number] as number;
	return out;
}

/** The numbers of a wire tensor; `count` of them, or it says which do not fit. */
export function decode(
	tensor: WireTensor,
	scale: number,
	count: number,
	signed = false,
): Float32Array {
	const bytes = bytesOf(tensor.data ?? new ArrayBuffer(0));
	const width = tensor.dtype === "float16" ? 2 : 1;
	if (bytes.length !== count * width) {
		throw new Error(`${count} numbers came with ${bytes.length} bytes`);
	}
	return tensor.dtype === "float16" ? decodeHalf(bytes) : decodeCodes(bytes, scale, signed);
}

export function decodeMatrix(
	tensor: WireTensor,
	packed: "triangle" | "full",
	scale: number,
	signed = false,
): Matrix {
	const size = tensor.shape[0] ?? 0;
	const triangle = packed === "triangle";
	const count = triangle ? (size * (size + 1)) / 2 : size * size;
	return { size, triangle, values: decode(tensor, scale, count, signed) };
}

/** One query's weights, over the keys held for it (query + 1 of them in a triangle). */
export function rowOf({ size, triangle, values }: Matrix, query: number): Float32Array {
	const start = triangle ? (query * (query + 1)) / 2 : query * size;
	return values.subarray(start, start + (triangle ? query + 1 : size));
}

/** Σ number × (key + 1): tells two heads apart, whose rows all sum to 1. */
export function checksum(matrix: Matrix): number {
	let sum = 0;
	for (let query = 0; query < matrix.size; query++) {
		const row = rowOf(matrix, query);
		for (let key = 0; key < row.length; key++) {
			const value = row[key] as number;
			if (Number.isFinite(value)) sum += value * (key + 1);
		}
	}
	return sum;
}
