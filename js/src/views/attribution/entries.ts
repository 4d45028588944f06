import type { AttributionPayload, TokenInfo, WireBars } from "../../contract.gen";
import { integer } from "../../shared/format";
import { bytesOf } from "../../shared/tensor";
import type { State } from "./state";

/** One row of the picture. */
export interface Entry {
	place: readonly [kind: string, layer: number, index: number, pos: number];
	value: number;
	low: number;
	high: number;
	/** ± this holds 95 % of what random directions would give; NaN: no control. */
	chance: number;
	/** What is no part of its own; `count` of them. */
	rest: "" | "others" | "remainder";
	count: number;
	selected: boolean;
}

/** So many bars stand alone, and so many where all are asked for. */
export const TOP = 12;
const MOST = 400;
const KINDS = ["embed", "attn", "head", "source", "attn_bias", "mlp", "neuron", "mlp_bias", "bias"];

/** The breakdown on screen: the one that was chosen, where it is held. */
export function chosenBy({ payload, by }: State): string {
	const held = payload?.bars.map((bars) => bars.by) ?? [];
	return held.includes(by) ? by : (held.at(-1) ?? by);
}

const decoded = new WeakMap<WireBars, Entry[]>();

/** The bars of a breakdown as they came, the largest first. */
export function decode(bars: WireBars): Entry[] {
	const known = decoded.get(bars);
	if (known) return known;
	const numbers = new Float32Array(bytesOf(bars.numbers).slice().buffer as ArrayBuffer);
	const count = bars.places.length;
	if (numbers.length !== 4 * count)
		throw new Error(`${count} bars came as ${numbers.length} numbers`);
	const at = (row: number, i: number) => numbers[row * count + i] as number;
	const made = bars.places.map((place, i) => ({
		place,
		...{ value: at(0, i), low: at(1, i), high: at(2, i), chance: at(3, i) },
		...{ rest: "" as const, count: 1, selected: false },
	}));
	decoded.set(bars, made);
	return made;
}

export const placeOf = ({ place: [kind, layer, index, pos] }: Entry) => ({
	kind,
	layer,
	index,
	pos,
});

export const heldBars = (state: State): WireBars | undefined =>
	state.payload?.bars.find(({ by }) => by === chosenBy(state));

function isSelected({ heads, tokens, layer: chosen }: State, entry: Entry): boolean {
	const { kind, layer, index, pos } = placeOf(entry);
	const ofHead = heads.some(([l, h]) => l === layer && h === index);
	if (kind === "head") return ofHead;
	if (kind === "source") return ofHead && (!tokens.length || tokens.includes(pos));
	return chosen !== null && layer === chosen;
}

/** Shown however small it is: what was clicked itself, not all that belongs to it. */
function isPicked({ tokens }: State, { selected, place: [kind, , , pos] }: Entry): boolean {
	return selected && (kind === "head" || (kind === "source" && tokens.includes(pos)));
}

function inLayers(a: Entry, b: Entry): number {
	const key = ({ place: [kind, layer, index, pos] }: Entry) => [
		...[kind === "bias" ? Number.POSITIVE_INFINITY : layer, KINDS.indexOf(kind), index, pos],
	];
	const [left, right] = [key(a), key(b)];
	const differs = left.findIndex((number, i) => number !== right[i]);
	return differs < 0 ? 0 : (left[differs] as number) - (right[differs] as number);
}

/** Every bar that came, in the order that was asked for. */
export function ordered({ order }: State, entries: readonly Entry[]): Entry[] {
	return entries.toSorted(order === "layer" ? inLayers : (a, b) => b.value - a.value);
}

const rest = (kind: "others" | "remainder", value: number, count: number): Entry => ({
	place: [kind, -1, -1, -1],
	...{ value, count, rest: kind, selected: false },
	...{ low: Number.NaN, high: Number.NaN, chance: Number.NaN },
});

/** The rows of the picture: the largest bars and those selected, the others as one, the remainder. */
export function entriesOf(state: State): Entry[] {
	const bars = heldBars(state);
	if (!state.payload || !bars) return [];
	const all = decode(bars).map((entry) => ({ ...entry, selected: isSelected(state, entry) }));
	const few = all.length + bars.rest_count <= TOP + 1;
	const most = state.every ? MOST : few ? TOP + 1 : TOP;
	const alone = (entry: Entry, i: number) => i < most || isPicked(state, entry);
	const shown = all.filter(alone);
	const left = all.filter((entry, i) => !alone(entry, i));
	const count = left.length + bars.rest_count;
	const sum = left.reduce((total, { value }) => total + value, bars.rest_value ?? Number.NaN);
	const rows = ordered(state, shown);
	if (count) rows.push(rest("others", sum, count));
	return [...rows, rest("remainder", state.payload.remainder ?? Number.NaN, 0)];
}

/** What a bar is of; `token` is drawn as one. */
export function nameOf(
	payload: AttributionPayload,
	entry: Entry,
): { text: string; token: TokenInfo | null } {
	const { kind, layer, index, pos } = placeOf(entry);
	const names: Record<string, string> = {
		...{ embed: "embeddings", bias: "final bias", remainder: "remainder" },
		...{ attn: `L${layer} attn`, mlp: `L${layer} MLP`, head: `L${layer} H${index}` },
		...{ neuron: `L${layer} N${index}`, source: `L${layer} H${index} ←` },
		...{ attn_bias: `L${layer} attn bias`, mlp_bias: `L${layer} MLP bias` },
		others: `${integer(entry.count)} ${entry.count === 1 ? "other" : "others"}`,
	};
	const text = names[kind] ?? kind;
	if (kind !== "source") return { text, token: null };
	return {
		text: `${text} ${pos}`,
		token: payload.same_text ? (payload.tokens[pos] ?? null) : null,
	};
}

/** A logit as it is printed: +2.61, its sign always. */
export function logits(value: number): string {
	if (!Number.isFinite(value)) return "NaN";
	const text = Math.abs(value).toFixed(2);
	return `${value < 0 ? "−" : "+"}${text}`;
}
