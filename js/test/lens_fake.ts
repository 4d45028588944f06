import { readFileSync } from "node:fs";
import type { LensPayload } from "../src/contract.gen";
import { traits as attentionTraits } from "./fake";

const revive = (_: string, value: unknown) => {
	const text = typeof value === "object" && value !== null && "b64" in value && value.b64;
	return text ? Uint8Array.from(atob(String(text)), (char) => char.charCodeAt(0)) : value;
};

/** What Python writes: layers 0 and 1, tokens a, b, c, the 4 best of 8 words, w2 and w5 followed. */
export const payload = (change: Partial<LensPayload> = {}): LensPayload => ({
	...JSON.parse(readFileSync("../tests/golden/lens.json", "utf8"), revive),
	...change,
});

export const kept = {
	...{ measure: "probability" as const, of: null, pins: [], words: false },
	...{ panel_open: false, table_open: false },
};

export const traits = (change: Record<string, unknown> = {}): Record<string, unknown> =>
	attentionTraits({ payload: payload(), kept, ...change });
