import type { Patches, PatchingPayload, WirePatchGrid } from "../src/contract.gen";
import { NO_PATCHES } from "../src/views/patching/state";
import { payload as attentionPayload, traits as attentionTraits } from "./fake";
import { float32 } from "./tokens_fake";

const token = (text: string) => ({ text, special: false, generated: false });
export const none = new Uint8Array();

/** Two layers × three positions: 0, 0.1 … 0.5; the middle token differs. */
export function grid(change: Partial<WirePatchGrid> = {}): WirePatchGrid {
	const { stamp } = attentionPayload();
	return {
		...{ name: "resid_pre", title: "residual", what: "residual stream before each layer" },
		...{ site: "resid_pre", by: "position", direction: "denoising", exact: true },
		...{ metric: "logit difference 'a' − 'b'", unit: "logits", layers: [3, 4], columns: [0, 1, 2] },
		source: [token("the"), token(" Ada"), token(" ran")],
		target: [token("the"), token(" Ben"), token(" ran")],
		mapping: [
			[0, 0],
			[1, 1],
			[2, 2],
		],
		...{ varying: [], alone: [], n: 1, clean: 3.4, corrupted: -2.9 },
		values: float32(0, 0.1, 0.2, 0.3, 0.4, -0.5),
		...{ raw: float32(0, 1, 2, 3, 4, 5), low: none, high: none, left: 0 },
		...{ control: null, agreement: null, stamp: { ...stamp, site: "resid_pre" } },
		...change,
	};
}

export const payload = (...grids: WirePatchGrid[]): PatchingPayload => ({
	...{ version: 1, kind: "patching", run: 13, grids: grids.length ? grids : [grid()] },
});

export const patches = (change: Partial<Patches> = {}): Patches => ({
	...{ ...NO_PATCHES, can_run: true, can_restore: true },
	...change,
});

export const kept = { ...{ grid: 0, beyond: false, panel_open: false, table_open: false } };

export const traits = (change: Record<string, unknown> = {}): Record<string, unknown> =>
	attentionTraits({ payload: payload(), patches: patches(), kept, ...change });
