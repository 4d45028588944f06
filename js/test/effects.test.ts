import { describe, expect, it, vi } from "vitest";
import type { EffectsPayload } from "../src/contract.gen";
import effects from "../src/views/effects";
import { sceneOf } from "../src/views/effects/scene";
import { payload as attention, fakeModel, selection, status } from "./fake";

const float32 = (...numbers: number[]) => new Uint8Array(new Float32Array(numbers).buffer);
const NAN = Number.NaN;

function payload(change: Partial<EffectsPayload> = {}): EffectsPayload {
	return {
		...{ version: 1, kind: "effects", run: 3, title: "Path patching", what: "denoising" },
		...{ caption: "1 restores <b>it</b>.", unit: "share", down: "sender", across: "receiver" },
		rows: ["L0 H0", "L0 H1"],
		columns: ["L1 H0 k", "L1 H1 k"],
		heads: [
			[
				[0, 0],
				[1, 0],
			],
			[
				[0, 0],
				[1, 1],
			],
			[
				[0, 1],
				[1, 0],
			],
			[
				[0, 1],
				[1, 1],
			],
		],
		layers: [null, null],
		values: float32(0.5, 0.02, NAN, -0.3),
		low: float32(NAN, NAN, NAN, NAN),
		high: float32(NAN, NAN, NAN, NAN),
		...{ neutral: 0, scale: 1, n: 1, case: "pair", control: null, control_call: "iw.control()" },
		stamp: attention().stamp,
		...change,
	};
}

const control = {
	n: 4,
	title: "random",
	low: float32(-0.1, -0.1, -0.1, -0.4),
	high: float32(0.1, 0.1, 0.1, 0.4),
};

describe("sceneOf", () => {
	it("prints numbers beyond the control alone, and fades the others when asked to", () => {
		const plain = sceneOf(payload(), false).data;
		expect([0, 1].map((c) => plain.text?.(0, c))).toEqual([".50", null]);
		expect(plain.text?.(1, 0)).toBeNull();
		expect(plain.text?.(1, 1)).toBe("−.30");
		const beyond = sceneOf(payload({ control }), true).data;
		expect(beyond.text?.(1, 1)).toBeNull();
		expect([...beyond.levels].map((v) => Number(v.toFixed(2)))).toEqual([0.5, 0, NAN, 0]);
	});
});

describe("the view", () => {
	function mounted(of: EffectsPayload) {
		const model = fakeModel({
			...{ view_id: "v1", status, selection: selection(), links: { group: "", warning: "" } },
			kept: { beyond: false, panel_open: false, table_open: false },
			payload: of,
		});
		const el = document.createElement("div");
		document.body.append(el);
		effects.render({ model: model.as(), el } as never);
		return { model, el };
	}

	it("offers the control it lacks, and draws hostile words as words", () => {
		const { el } = mounted(payload());
		expect(el.textContent).toContain("No control yet: iw.control() runs one.");
		expect(el.textContent).toContain("<b>it</b>");
		expect(el.querySelector(".iw-cap b")).toBeNull();
		expect(el.querySelector('[role="checkbox"]')?.getAttribute("aria-disabled")).toBe("true");
	});

	it("selects the heads of a path, by keys too", async () => {
		const { model, el } = mounted(payload({ control }));
		const grid = el.querySelector<HTMLElement>(".iw-g");
		const key = (name: string) =>
			grid?.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
		key("ArrowDown");
		key("ArrowRight");
		key("Enter");
		await vi.waitFor(() =>
			expect(model.last("select")?.heads).toEqual([
				[0, 1],
				[1, 1],
			]),
		);
		key("Escape");
		await vi.waitFor(() => expect(model.last("select")?.heads).toEqual([]));
	});
});
