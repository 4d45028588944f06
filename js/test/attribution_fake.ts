import { readFileSync } from "node:fs";
import type { AttributionPayload, WireBars } from "../src/contract.gen";
import { payload as attentionPayload, traits as attentionTraits } from "./fake";
import { float32 } from "./tokens_fake";

type Row = readonly [
	place: WireBars["places"][number],
	value: number,
	low?: number,
	high?: number,
	chance?: number,
];

/** Bars as Python sends them: the largest first. */
export function wire(by: string, rows: readonly Row[], more: Partial<WireBars> = {}): WireBars {
	const none = Number.NaN;
	const columns = [1, 2, 3, 4].map((at) => rows.map((row) => (row[at] as number) ?? none));
	const numbers = float32(...columns.flat());
	return {
		by,
		places: rows.map(([place]) => place),
		numbers,
		rest_count: 0,
		rest_value: 0,
		...more,
	};
}

export const components = wire("component", [
	[["mlp", 1, -1, -1], 2.5, 2, 3, 0.5],
	[["attn", 0, -1, -1], -1.5, -2, -1, 0.25],
	[["embed", -1, -1, -1], 0.5, 0, 1, 1],
	[["bias", -1, -1, -1], 0.25],
]);

export const heads = wire("head", [
	[["mlp", 1, -1, -1], 2.5, 2, 3, 0.5],
	[["head", 1, 2, -1], -1.5, -2, -1, 0.25],
	[["head", 0, 1, -1], 0.75, 0.5, 1, 0.25],
]);

export const sources = wire("source", [
	[["source", 1, 2, 3], 1.5],
	[["source", 1, 2, 0], -0.5],
	[["mlp", 0, -1, -1], 0.25],
]);

/** So many heads, of sizes 1, 1/2, 1/3, …, every other one negative. */
export const many = (count: number, more: Partial<WireBars> = {}): WireBars =>
	wire(
		"head",
		Array.from({ length: count }, (_, i): Row => [["head", i, 0, -1], (i % 2 ? -1 : 1) / (i + 1)]),
		more,
	);

const word = (text: string) => ({ text, special: false, generated: false });

export function payload(change: Partial<AttributionPayload> = {}): AttributionPayload {
	const { tokens, stamp } = attentionPayload();
	const held = { why: "" };
	return {
		...{ version: 1, kind: "direct_logit_attribution", run: 13, tokens, turns: [], stamp },
		...{ same_text: true, prompt_index: 0, prompt_count: 1, n: 1, mean: false, follow: false },
		...{ pos: 3, measure: "logit difference", toward: word(" Mary"), over: word(" John") },
		...{ target_count: 1, layers: 20, heads: 3, logit: 1.75, remainder: 0, output: 1.75, cap: 0 },
		breakdowns: [
			{ name: "component", title: "components", ...held },
			{ name: "head", title: "heads", ...held },
			{ name: "neuron", title: "neurons", why: "run" },
			{ name: "source", title: "sources", ...held },
		],
		bars: [components, heads, sources],
		strips: { heads: [[1, 2]], values: float32(-0.5, 0, 0.25, 1.5) },
		...change,
	};
}

export const kept = {
	...{ by: "head", order: "size", every: false, panel_open: false, table_open: false },
};

export const traits = (change: Record<string, unknown> = {}): Record<string, unknown> =>
	attentionTraits({ payload: payload(), kept, ...change });

/** The payload that Python's tests write. */
export function golden(): AttributionPayload {
	const revive = (_: string, value: unknown) =>
		typeof value === "object" && value !== null && "b64" in value
			? Uint8Array.from(atob(String(value.b64)), (char) => char.charCodeAt(0))
			: value;
	return JSON.parse(readFileSync("../tests/golden/attribution.json", "utf8"), revive);
}
