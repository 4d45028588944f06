import type { AnyModel } from "@anywidget/types";
import type { AttentionPayload, HeadDetail, Selection, Status } from "../src/contract.gen";

type Handler = (...args: unknown[]) => void;

/** A widget model without a kernel: it remembers what was sent and who listens. */
const TEXTS = ["<bos>", " a", " b", "c"];

export function fakeModel(traits: Record<string, unknown>) {
	const handlers: [event: string, handler: Handler][] = [];
	const model = {
		sent: [] as Record<string, unknown>[],
		saves: 0,
		listeners: () => handlers.length,
		get: (name: string) => traits[name],
		set: (name: string, value: unknown) => {
			traits[name] = value;
		},
		save_changes: () => {
			model.saves++;
		},
		send: (message: Record<string, unknown>) => {
			model.sent.push(message);
		},
		on: (event: string, handler: Handler) => handlers.push([event, handler]),
		off: (event: string, handler: Handler) => {
			const at = handlers.findIndex(([name, known]) => name === event && known === handler);
			if (at >= 0) handlers.splice(at, 1);
		},
		emit: (event: string, ...args: unknown[]) => {
			for (const [name, handler] of [...handlers]) if (name === event) handler(...args);
		},
		change: (name: string, value: unknown) => {
			traits[name] = value;
			model.emit(`change:${name}`);
		},
		/** The last request of a kind. */
		last: (kind: string) => model.sent.findLast((message) => message.kind === kind),
		/** The same object, as views know it. */
		as: <T extends Record<string, unknown>>() => model as unknown as AnyModel<T>,
	};
	return model;
}

export const status: Status = {
	kind: "live",
	message: "",
	run: 13,
	can_rerun: true,
	done: 0,
	total: 0,
};

/** Row q: code q + 1 at its first key, 0 elsewhere. */
export function detail(layer: number, head: number, size: number, run = 13): HeadDetail {
	const data = new Uint8Array((size * (size + 1)) / 2);
	for (let q = 0; q < size; q++) data[(q * (q + 1)) / 2] = 254;
	const tensor = { dtype: "uint8" as const, shape: [size, size], data };
	return { run, layer, head, tensor, packed: "triangle", scale: 1 };
}

export function payload(change: Partial<AttentionPayload> = {}): AttentionPayload {
	const texts = TEXTS;
	return {
		version: 1,
		kind: "attention",
		run: 13,
		tokens: texts.map((text, i) => ({ text, special: i === 0, generated: false })),
		turns: [],
		prompt_index: 0,
		prompt_count: 1,
		layers: [0, 1],
		heads: [0, 1, 2],
		layer_runs: [13, 13],
		causal: true,
		thumbs: { dtype: "uint8", shape: [2, 3, 2, 2], data: new Uint8Array(24) },
		pooled: 2,
		scale: 1,
		precision: "uint8",
		nonfinite: [
			[0, 0, 0],
			[0, 0, 0],
		],
		stamp: {
			model: "m",
			revision: "r",
			site: "pattern",
			dtype: "float32",
			precision: "uint8",
			seed: "",
			intervened: "",
			note: "",
		},
		details: [detail(0, 0, texts.length)],
		...change,
	};
}

export const selection = (change: Partial<Selection> = {}): Selection => ({
	...{ heads: [], layer: null, feature: null, prompt: null, revision: 0, lost: [] },
	...{ tokens: [], text: (change.tokens ?? []).map((position) => TEXTS[position] ?? "") },
	...change,
});

export function traits(change: Record<string, unknown> = {}): Record<string, unknown> {
	return {
		view_id: "v1",
		payload: payload(),
		status,
		selection: selection(),
		links: { group: "", warning: "" },
		kept: { zoom: null, panel_open: false, table_open: false },
		...change,
	};
}
