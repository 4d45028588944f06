import { describe, expect, it, vi } from "vitest";
import type { ProbePayload } from "../src/contract.gen";
import probe from "../src/views/probe";
import { metricText, niceTicks, spanText, spread } from "../src/views/probe/numbers";
import { chosenLayer, initial, readOf, reduce } from "../src/views/probe/state";
import { scoreOf, valuesOf } from "../src/views/probe/tools/heat";
import { confusionOf, countsOf, histogramOf, rocOf } from "../src/views/probe/tools/measure";
import { asTsv } from "../src/views/probe/tools/table";
import { payload as attention, fakeModel, selection, status } from "./fake";

const bytes = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer);
const flat = (value: number) => [value, value, value];

/** Three layers, four texts: two held out of each class; the last layer tells them apart. */
function payload(change: Partial<ProbePayload> = {}): ProbePayload {
	const nulls = [
		{ name: "shuffled labels", n: 5, mean: flat(0.5), low: flat(0.4), high: flat(0.6) },
	];
	const curve = (metric: number) => ({
		...{ part: 0, metric, probe: 0, low: [0.4, 0.5, 0.9], high: [0.6, 0.8, 1], nulls },
		value: [0.5, 0.75, 1],
	});
	return {
		...{ version: 1, kind: "probe", run: 4, task: "binary", about: "sentiment" },
		...{ classes: ["bad", "good"], said: "sentiment, 4 held out", site: "resid_post" },
		...{ layers: [-1, 0, 1], methods: ["logistic"], positions: ["last token"] },
		...{ metrics: ["accuracy", "AUROC"], parts: ["held out"], best: [2] },
		curves: [curve(0), curve(1)],
		part: [0, 0, 0, 0],
		target: [0, 1, 0, 1],
		scores: [{ probe: 0, data: bytes(0, 0, 0, 0, -1, 1, 1, 2, -2, 2, -1, 1) }],
		scored: [
			{
				...{ probe: 0, target: null, turns: [], read: [1] },
				tokens: ["<script>x</script>", " b"].map((text) => ({
					...{ text, special: false, generated: false },
				})),
				data: bytes(0, 0.5, 1, 1.5, -2, 2.5),
			},
		],
		...{ can_score: true, facts: ["n = 4"], stamp: attention().stamp },
		...change,
	};
}

const NONE = { heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] };
const loaded = () => reduce(initial, { type: "payload", payload: payload() });

describe("state", () => {
	it("shows the best layer, then the selected one, and the embedding by itself", () => {
		let state = loaded();
		expect(chosenLayer(state)).toBe(2);
		state = reduce(state, { type: "layer", index: 1 });
		expect([chosenLayer(state), state.layer, state.edits]).toEqual([1, 0, 1]);
		state = reduce(state, { type: "layer", index: 0 });
		expect([chosenLayer(state), state.layer, state.kept.embed]).toEqual([0, null, true]);
		state = reduce(state, { type: "selection", selection: { ...NONE, layer: 7 } });
		expect(chosenLayer(state)).toBe(2);
	});

	it("reads a layer's scores, of the part on screen, without those that are not there", () => {
		const state = reduce(loaded(), { type: "layer", index: 1 });
		expect(readOf(state)).toMatchObject({ score: [-1, 1, 1, 2], target: [0, 1, 0, 1] });
		const gap = payload({
			part: [0, 1, 0, 0],
			scores: [{ probe: 0, data: bytes(0, 0, 0, 0, -1, 1, Number.NaN, 2, 0, 0, 0, 0) }],
		});
		const other = reduce(state, { type: "payload", payload: gap });
		expect(readOf(other)?.score).toEqual([-1, 2]);
	});
});

describe("measures", () => {
	it("draws ties as one point, and finds the area", () => {
		const roc = rocOf([3, 2, 2, 1], [1, 1, 0, 0]);
		expect(roc.falsePositive).toEqual([0, 0, 0.5, 1]);
		expect(roc.truePositive).toEqual([0, 0.5, 1, 1]);
		expect(roc.area).toBeCloseTo(0.875); // 3 pairs right, 1 tied, of 4
	});

	it("counts by threshold, by bin and by class", () => {
		expect(countsOf([-1, 1, 1, 2], [0, 1, 0, 1], 1)).toEqual([
			[2, 0],
			[1, 1],
		]);
		const counts = histogramOf([-1, 0, 0.9, 1], [0, 0, 1, 1], -1, 1, 2);
		expect(counts).toEqual({ positive: [0, 2], negative: [1, 1] });
		const all = [
			[1, 0, 0],
			[0, 2, 1],
			[0, 2, 1],
		];
		expect(confusionOf(all, [0, 1, 2], 3)).toEqual([
			[1, 0, 0],
			[0, 1, 0],
			[0, 1, 0],
		]);
	});

	it("gives a text the mean of what is read of it, and nothing of another probe", () => {
		const state = loaded();
		const [one] = state.payload?.scored ?? [];
		if (!one || !state.payload) throw new Error("no text");
		const values = valuesOf(state, state.payload, one);
		expect([...(values ?? [])]).toEqual([-2, 2.5]);
		expect(scoreOf(one, values as Float32Array)).toBe(2.5);
		expect(scoreOf({ ...one, read: [] }, values as Float32Array)).toBeNull();
		expect(valuesOf(state, state.payload, { ...one, probe: 1 })).toBeNull();
	});
});

describe("numbers", () => {
	it("are written as the metric is", () => {
		expect(metricText("accuracy", 0.937)).toBe("94\u2009%");
		expect(spanText("accuracy", 0.91, 0.96)).toBe("91–96");
		expect(metricText("R²", -0.25)).toBe("−0.250");
		expect(niceTicks(0, 1, 4)).toEqual([0, 0.5, 1]);
	});

	it("moves labels apart, and not over the end", () => {
		expect(spread([10, 12, 100], 20, 100)).toEqual([10, 30, 100]);
		expect(spread([95, 100], 20, 100)).toEqual([80, 100]);
	});

	it("copies a row a layer with plain minus signs", () => {
		const [head, , , last] = asTsv(loaded(), payload()).split("\n");
		expect(head?.split("\t").slice(0, 5)).toEqual([
			...["layer", "accuracy", "low", "high", "shuffled labels"],
		]);
		expect(last?.startsWith("L1\t1.0000\t0.9000\t1.0000\t0.5000")).toBe(true);
	});
});

describe("the view", () => {
	it("asks for a layer by keys, and shows text as text", async () => {
		const model = fakeModel({
			...{ view_id: "v1", status, selection: selection(), links: { group: "", warning: "" } },
			kept: initial.kept,
			payload: payload(),
		});
		const el = document.createElement("div");
		document.body.append(el);
		probe.render({ model: model.as(), el } as never);
		expect(el.querySelector("script")).toBeNull();
		expect(el.textContent).toContain("Held-out accuracy");
		expect(el.textContent).toContain("shuffled labels");
		const curve = el.querySelector<HTMLElement>('[role="slider"]');
		expect(curve?.getAttribute("aria-valuetext")).toBe("L1, 100\u2009%");
		curve?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
		await vi.waitFor(() => expect(model.last("select")?.layer).toBe(0));
	});
});
