// Invented attention payloads, one per thing worth looking at.
function random(seed) {
	let at = seed;
	return () => {
		at = (at * 1664525 + 1013904223) % 2 ** 32;
		return at / 2 ** 32;
	};
}

/** Rows that sum to one: a diagonal, a first-token sink and a few matches, mixed by the head. */
function pattern(size, causal, next) {
	const [sink, previous, spread] = [next() ** 2 * 3, next() ** 2 * 4, 0.2 + next()];
	const match = Array.from({ length: size }, () => (next() < 4 / size ? next() * 4 : 0));
	const rows = new Float32Array(size * size);
	for (let q = 0; q < size; q++) {
		const end = causal ? q + 1 : size;
		let sum = 0;
		for (let k = 0; k < end; k++) {
			const near = k === q - 1 ? previous : 0;
			const value = (k === 0 ? sink : 0) + near + match[k] + (spread * next() ** 4) / 2;
			rows[q * size + k] = value;
			sum += value;
		}
		for (let k = 0; k < end; k++) rows[q * size + k] /= sum || 1;
	}
	return rows;
}

function halfBits(value) {
	if (Number.isNaN(value)) return 0x7e00;
	const single = new Uint32Array(new Float32Array([value]).buffer)[0];
	const exponent = ((single >>> 23) & 255) - 112;
	if (exponent <= 0) return Math.round(value / 2 ** -24);
	return (exponent << 10) | ((single >>> 13) & 1023);
}

const code = (value) => (Number.isNaN(value) ? 255 : Math.round(value * 254));

function triangle(rows, size) {
	const out = [];
	for (let q = 0; q < size; q++) out.push(...rows.subarray(q * size, q * size + q + 1));
	return Uint16Array.from(out, halfBits);
}

function pooledMax(rows, size, block) {
	const side = Math.ceil(size / block);
	const out = new Float32Array(side * side);
	for (let q = 0; q < size; q++) {
		for (let k = 0; k < size; k++) {
			const at = Math.floor(q / block) * side + Math.floor(k / block);
			const value = rows[q * size + k];
			if (!(out[at] >= value)) out[at] = value;
		}
	}
	return Uint8Array.from(out, code);
}

const base64 = (array) =>
	Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");

const WORDS =
	"<|endoftext|>| When| Mary| and| John| went| to| the| store|,| John| gave| a| drink| to";
const HOSTILE = [
	"<img src=x onerror=alert(1)>",
	"</script><script>alert(1)</script>",
	"\u200b",
	"",
	" ",
	"\n",
	"\t\t",
	"<0xE2>",
	"🙂👩‍👩‍👧",
	"日本語テキスト",
	" مرحبا",
	"שלום",
	"\u202eevil",
	"a very long token that goes on and on and on",
	"e\u0301",
	"\u0301",
	"[CLS]",
	"�",
];

function words(count) {
	const list = WORDS.split("|endoftext|")
		.join("~")
		.split("|")
		.map((w) => w.replace("~", "|endoftext|"));
	return Array.from({ length: count }, (_, i) => (i < 15 ? list[i] : list[1 + (i % 14)]));
}

const token = (text) => ({ text, special: /^(<\|.*\|>|\[CLS\])$/.test(text), generated: false });

function view(layers, heads, texts, change = {}) {
	const size = texts.length;
	const { causal = true, pooled = 1, details = [[layers - 1, Math.min(1, heads - 1)]] } = change;
	const next = random(layers * 100 + heads * 10 + size);
	const side = Math.ceil(size / pooled);
	const thumbs = new Uint8Array(layers * heads * side * side);
	const held = [];
	const buffers = [];
	for (let at = 0; at < layers * heads; at++) {
		const rows = pattern(size, causal, next);
		change.spoil?.(rows, size);
		thumbs.set(pooledMax(rows, size, pooled), at * side * side);
		const [layer, head] = [Math.floor(at / heads), at % heads];
		if (!details.some(([l, h]) => l === layer && h === head)) continue;
		const packed = causal ? "triangle" : "full";
		const data = causal ? triangle(rows, size) : Uint16Array.from(rows, halfBits);
		buffers.push({
			path: ["payload", "details", held.length, "tensor", "data"],
			data: base64(data),
		});
		const tensor = { dtype: "float16", shape: [size, size] };
		held.push({ run: 13, layer, head, tensor, packed, scale: 1 });
	}
	buffers.push({ path: ["payload", "thumbs", "data"], data: base64(thumbs) });
	const range = (count) => Array.from({ length: count }, (_, i) => i);
	const payload = {
		...{ version: 1, kind: "attention", run: 13, tokens: texts.map(token) },
		...{ prompt_index: 0, prompt_count: 1, layers: range(layers), heads: range(heads) },
		...{ layer_runs: range(layers).map(() => 13), causal, pooled, scale: 1 },
		thumbs: { dtype: "uint8", shape: [layers, heads, side, side] },
		precision: "float16",
		nonfinite: range(layers).map(() => range(heads).map(() => (change.spoil ? 3 : 0))),
		stamp: {
			...{ model: "lil-attn-2l", revision: "3f9c21", site: "pattern", dtype: "float32" },
			...{ precision: "float16", seed: "", intervened: "", note: "" },
		},
		details: held,
		...change.payload,
	};
	const status = { kind: "live", message: "", run: 13, can_rerun: true, done: 0, total: 0 };
	const selected = details.at(-1) ?? [0, 0];
	const traits = {
		view_id: "dev",
		payload: change.empty ? null : payload,
		status: { ...status, ...change.status },
		links: { group: change.group ?? "dev", warning: change.warning ?? "" },
		selection: {
			...{ heads: change.heads ?? [selected], tokens: change.tokens ?? [], revision: 0 },
			...{ layer: null, feature: null, prompt: null, lost: change.lost ?? [] },
			text: (change.tokens ?? []).map((i) => texts[i]),
		},
		kept: { zoom: null, panel_open: false, table_open: false, ...change.kept },
	};
	return { traits, buffers: change.empty ? [] : buffers };
}

const SMALL = [2, 4, words(20)];

/** One score per head, and where its null is. */
function score(name, layers, heads, high, seed) {
	const next = random(seed);
	const values = Array.from({ length: layers }, () =>
		Array.from({ length: heads }, () => (next() < 0.08 ? 0.2 + next() * 0.6 : next() ** 3 * 0.16)),
	);
	return { name, title: name, values, low: 0, high, null_title: "random targets" };
}

const scores = (layers, heads) =>
	["previous token", "induction", "name mover", "first token", "duplicate token"].map((name, i) =>
		score(name, layers, heads, 0.11, i + 5),
	);

const measures = [
	{ name: "weight", title: "weight", why: "" },
	{ name: "value_weighted", title: "value-weighted", why: "" },
	{ name: "score", title: "score before softmax", why: "run" },
];
const references = [
	{ name: "plain", title: "run 12, plain" },
	{ name: "prompt-2", title: "prompt 2" },
];

/** Numbers of both signs in place of weights. */
function signedView(layers, heads, texts, change = {}) {
	const made = view(layers, heads, texts, change);
	const next = random(99);
	for (const buffer of made.buffers) {
		const bytes = Buffer.from(buffer.data, "base64");
		if (buffer.path[1] === "thumbs") {
			for (let i = 0; i < bytes.length; i++) {
				const value = Math.round((next() - 0.5) * 30 + (next() < 0.04 ? (next() - 0.5) * 220 : 0));
				bytes[i] = Math.max(0, Math.min(254, 127 + value));
			}
			buffer.data = bytes.toString("base64");
		} else {
			const values = Array.from(
				{ length: bytes.length / 2 },
				() => (next() - 0.5) * 0.1 + (next() < 0.2 ? (next() - 0.5) * 0.8 : 0),
			);
			const bits = values.map((v) => halfBits(Math.abs(v)) | (v < 0 ? 0x8000 : 0));
			buffer.data = base64(Uint16Array.from(bits));
		}
	}
	const scale = 0.5;
	Object.assign(made.traits.payload, { signed: true, less: "run 12, plain", scale });
	return made;
}

const effect = (control) => ({
	ablated: { heads: [[3, 2]], mode: "zero" },
	effect: { title: "KL at the last token", value: 0.42, unit: "nats", control, note: "" },
});
const control = { n: 8, mean: 0.05, low: 0.01, high: 0.12, title: "8 other heads" };
const full = { head_scores: scores(12, 12), measures, references };

export const cases = () => ({
	"12 × 12 × 15": view(12, 12, words(15), {
		details: [[9, 9]],
		tokens: [14],
		payload: full,
		kept: { score: "name mover" },
	}),
	sorted: view(12, 12, words(15), {
		...{
			details: [[9, 9]],
			tokens: [14],
			payload: full,
			kept: { sorted: true, score: "induction" },
		},
	}),
	panel: view(12, 12, words(15), {
		...{ details: [[9, 9]], tokens: [14], payload: full, kept: { panel_open: true } },
	}),
	"several heads": view(4, 6, words(15), {
		details: [
			[0, 1],
			[1, 2],
			[2, 3],
			[3, 4],
		],
		...{
			heads: [
				[0, 1],
				[1, 2],
				[2, 3],
				[3, 4],
			],
			tokens: [10, 11, 12],
			group: "several",
		},
		payload: { head_scores: scores(4, 6), kv_groups: 2 },
	}),
	difference: signedView(4, 6, words(15), {
		...{ payload: { measures, references }, tokens: [12], group: "difference" },
	}),
	aligned: signedView(2, 4, words(12), {
		group: "aligned",
		payload: {
			alignment: {
				tokens: [...words(5), " then", ...words(12).slice(5, 11)].map(token),
				pairs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => [i, i < 5 ? i : i + 1]),
				...{ unmatched: [11], unmatched_other: [5] },
			},
		},
	}),
	"ablated, no control": view(4, 6, words(12), { payload: effect(null), group: "" }),
	"ablated, with control": view(4, 6, words(12), {
		...{ payload: effect(control), group: "", warning: "linked views show runs 12 and 13" },
		lost: [{ position: 3, text: " cat" }],
	}),
	chat: view(2, 4, words(40), {
		payload: {
			turns: [
				{ role: "user", start: 0 },
				{ role: "assistant", start: 18 },
			],
		},
	}),
	"1 × 4 × 1000, fit": view(1, 4, words(1000), { pooled: 11, group: "long" }),
	"2 × 4 × 20": view(...SMALL, { kept: { panel_open: true } }),
	"1 × 1 × 1": view(1, 1, words(1)),
	table: view(2, 4, words(6), { kept: { panel_open: true, table_open: true } }),
	"12 × 12 × 128": view(12, 12, words(128), { pooled: 4 }),
	zoomed: view(2, 4, words(128), { pooled: 4, kept: { zoom: [60, 80, 10, 30] } }),
	"1 × 4 × 1024": view(1, 4, words(1024), { pooled: 8 }),
	"32 × 32 × 24": view(32, 32, words(24)),
	"not causal": view(4, 6, words(12), { causal: false }),
	"layers not run, one stale": view(4, 6, words(12), {
		...{ details: [[0, 2]], payload: { layer_runs: [13, 11, null, null] } },
	}),
	"not finite": view(2, 4, words(10), {
		spoil: (rows, size) => {
			for (const k of [2, 3, 4]) rows[6 * size + k] = Number.NaN;
		},
	}),
	"hostile tokens": view(2, 4, HOSTILE),
	"intervened, prompts, uint8": view(...SMALL, {
		details: [],
		payload: {
			...{ prompt_index: 1, prompt_count: 3, precision: "uint8" },
			stamp: {
				...{ model: "gpt2", revision: "607a30d", site: "pattern", dtype: "float32" },
				...{
					precision: "uint8",
					seed: "0",
					intervened: "model.layers.0.attn.o_proj",
					note: "L6, +4.0 · happy",
				},
			},
		},
	}),
	"head not in the page": view(2, 4, words(40), { pooled: 2, details: [] }),
	stale: view(...SMALL, { status: { kind: "stale" } }),
	running: view(...SMALL, { status: { kind: "running", message: "layer 5", done: 5, total: 12 } }),
	empty: view(...SMALL, {
		empty: true,
		status: { kind: "empty", message: "The model has not run yet." },
	}),
	error: view(...SMALL, {
		empty: true,
		status: {
			kind: "error",
			message:
				'attention patterns are not in this model\nLoad it with attn_implementation="eager".\nTraceback (most recent call last):\n  …',
		},
	}),
});
