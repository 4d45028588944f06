import type { Bytes, WireTensor } from "../contract.gen";

/** A square of weights: all of it, or the lower triangle with its diagonal, row after row. */
export interface Matrix {
	size: number;
	triangle: boolean;
	values: Float32Array;
}

export function bytesOf(data: Bytes): Uint8Array {
	if (data instanceof ArrayBuffer) return new Uint8Array(data);
	return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
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

function decodeHalf(bytes: Uint8Array): Float32Array {
	halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => half(bits));
	const out = new Float32Array(bytes.length >> 1);
	for (let i = 0; i < out.length; i++) {
		out[i] = halves[(bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8)] ?? 0;
	}
	return out;
}

function decodeCodes(bytes: Uint8Array, scale: number): Float32Array {
	const table = Float32Array.from({ length: 256 }, (_, code) => (code / 254) * scale);
	table[255] = Number.NaN;
	const out = new Float32Array(bytes.length);
	for (let i = 0; i < out.length; i++) out[i] = table[bytes[i] ?? 255] ?? 0;
	return out;
}

/** The numbers of a wire tensor; `count` of them, or it says which do not fit. */
export function decode(tensor: WireTensor, scale: number, count: number): Float32Array {
	const bytes = bytesOf(tensor.data ?? new ArrayBuffer(0));
	const width = tensor.dtype === "float16" ? 2 : 1;
	if (bytes.length !== count * width) {
		throw new Error(`a ${tensor.dtype} tensor of ${count} numbers came with ${bytes.length} bytes`);
	}
	return tensor.dtype === "float16" ? decodeHalf(bytes) : decodeCodes(bytes, scale);
}

export function decodeMatrix(
	tensor: WireTensor,
	packed: "triangle" | "full",
	scale: number,
): Matrix {
	const size = tensor.shape[0] ?? 0;
	const triangle = packed === "triangle";
	const count = triangle ? (size * (size + 1)) / 2 : size * size;
	return { size, triangle, values: decode(tensor, scale, count) };
}

/** One query's weights, over the keys held for it (query + 1 of them in a triangle). */
export function rowOf({ size, triangle, values }: Matrix, query: number): Float32Array {
	const start = triangle ? (query * (query + 1)) / 2 : query * size;
	return values.subarray(start, start + (triangle ? query + 1 : size));
}

/** All size × size numbers; keys a triangle does not hold are 0. */
export function unpack(matrix: Matrix): Float32Array {
	if (!matrix.triangle) return matrix.values;
	const out = new Float32Array(matrix.size ** 2);
	for (let query = 0; query < matrix.size; query++)
		out.set(rowOf(matrix, query), query * matrix.size);
	return out;
}

/** Σ number × (key + 1): tells two heads apart, whose rows all sum to 1. */
export function checksum(matrix: Matrix): number {
	let sum = 0;
	for (let query = 0; query < matrix.size; query++)
		rowOf(matrix, query).forEach((value, key) => {
			if (Number.isFinite(value)) sum += value * (key + 1);
		});
	return sum;
}
