import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AttentionPayload, WireTensor } from "../src/contract.gen";
import { decodeMatrix, rowOf } from "../src/shared/tensor";
import { Heads } from "../src/views/attention/heads";

type Saved = WireTensor & { data_b64: string };

const golden = "../tests/golden/attention.json";
const written = existsSync(golden);
if (!written) console.warn(`not checked, Python has not written it yet: ${golden}`);

function revive(_: string, value: unknown): unknown {
	if (typeof value !== "object" || value === null || !("data_b64" in value)) return value;
	const { data_b64: text, ...tensor } = value as Saved;
	return { ...tensor, data: Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) };
}

// Python writes the file; without it there is nothing to hold the two sides to.
describe.runIf(written)("the payload written by Python", () => {
	const payload: AttentionPayload = written
		? JSON.parse(readFileSync(golden, "utf8"), revive)
		: null;
	it("has thumbnails and heads that decode", () => {
		const heads = new Heads();
		heads.setPayload(payload);
		for (const { layer, head } of payload.details) expect(heads.full([layer, head])).not.toBeNull();
		for (const layer of payload.layers)
			expect(heads.thumb([layer, payload.heads[0] ?? 0])).not.toBeNull();
	});
	it("has rows that sum to one", () => {
		for (const { tensor, packed, scale } of payload.details) {
			const matrix = decodeMatrix(tensor, packed, scale);
			const first = rowOf(matrix, 3).reduce((sum, weight) => sum + weight, 0);
			expect(first).toBeCloseTo(1, 2);
		}
	});
});
