// Generated from interpwidgets/widgets/contract/, do not edit: python -m js.contract

export type Bytes = DataView | Uint8Array | ArrayBuffer;

export interface WireTensor {
	dtype: "float16" | "uint8";
	shape: number[];
	data?: Bytes;
}

export interface HeadDetail {
	run: number;
	layer: number;
	head: number;
	tensor: WireTensor;
	packed: "triangle" | "full";
	scale: number;
}

export interface Measure {
	name: string;
	title: string;
	why: string;
}

export interface Reference {
	name: string;
	title: string;
}

export interface ScoredHeads {
	name: string;
	title: string;
	values: ((number | null)[])[];
	low: number | null;
	high: number | null;
	null_title: string;
}

export interface WireControl {
	n: number;
	mean: number;
	low: number;
	high: number;
	title: string;
}

export interface WireEffect {
	title: string;
	value: number;
	unit: string;
	control: WireControl | null;
	note: string;
}

export interface Ablated {
	heads: [number, number][];
	mode: string;
}

export interface WireAlignment {
	tokens: TokenInfo[];
	pairs: [number, number][];
	unmatched: number[];
	unmatched_other: number[];
}

export interface AttentionPayload {
	version: 1;
	kind: "attention";
	run: number;
	tokens: TokenInfo[];
	turns: Turn[];
	prompt_index: number;
	prompt_count: number;
	layers: number[];
	heads: number[];
	layer_runs: (number | null)[];
	causal: boolean;
	thumbs: WireTensor;
	pooled: number;
	scale: number;
	precision: "float16" | "uint8";
	nonfinite: number[][];
	stamp: Stamp;
	details: HeadDetail[];
	measure?: "weight" | "value_weighted" | "score";
	hidden_sink?: boolean;
	signed?: boolean;
	less?: string;
	measures?: Measure[];
	references?: Reference[];
	head_scores?: ScoredHeads[];
	kv_groups?: number;
	effect?: WireEffect | null;
	ablated?: Ablated | null;
	alignment?: WireAlignment | null;
	code?: string;
}

export interface Kept {
	zoom: [number, number, number, number] | null;
	panel_open: boolean;
	table_open: boolean;
	score?: string;
	sorted?: boolean;
	fit?: boolean | null;
	unmasked?: boolean;
}

export interface HeadRequest {
	id: string;
	kind: "head";
	run: number;
	layer: number;
	head: number;
	offset?: number;
}

export interface ScoresRequest {
	id: string;
	kind: "scores";
	run: number;
}

export interface DisplayRequest {
	id: string;
	kind: "display";
	measure: string;
	hide_sink: boolean;
	less: string;
}

export interface AblateRequest {
	id: string;
	kind: "ablate";
	heads: [number, number][];
	mode: "zero" | "mean";
}

export interface ControlRequest {
	id: string;
	kind: "control";
}

export interface UndoRequest {
	id: string;
	kind: "undo";
}

export interface TokenInfo {
	text: string;
	special: boolean;
	generated: boolean;
}

export interface Turn {
	role: string;
	start: number;
}

export interface Stamp {
	model: string;
	revision: string;
	site: string;
	dtype: string;
	precision: string;
	seed: string;
	intervened: string;
	note: string;
	full?: string;
}

export interface Status {
	kind: "empty" | "live" | "running" | "stale" | "error";
	message: string;
	run: number;
	can_rerun: boolean;
	done: number;
	total: number;
}

export interface LostToken {
	position: number;
	text: string;
}

export interface Selection {
	heads: [number, number][];
	tokens: number[];
	layer: number | null;
	feature: number | null;
	prompt: number | null;
	text: string[];
	revision: number;
	lost: LostToken[];
}

export interface Links {
	group: string;
	warning: string;
}

export interface SelectRequest {
	id: string;
	kind: "select";
	heads: [number, number][];
	tokens: number[];
	layer: number | null;
	feature: number | null;
	prompt: number | null;
	text?: string[];
}

export interface LinkRequest {
	id: string;
	kind: "link";
	linked: boolean;
}

export interface CodeRequest {
	id: string;
	kind: "code";
}

export interface PartRequest {
	id: string;
	kind: "part";
	name: string;
}

export interface PromptRequest {
	id: string;
	kind: "prompt";
	index: number;
}

export interface RerunRequest {
	id: string;
	kind: "rerun";
}

export interface ReportRequest {
	id: string;
	kind: "report";
	message: string;
}

export interface BoardColumn {
	name: string;
	title: string;
	unit: string;
	null: string;
	signed: boolean;
	values: Bytes;
	low: Bytes;
	high: Bytes;
	beyond: Bytes;
	lags: number[];
}

export interface HeadWeightsInfo {
	rank: number;
	held: [number, number][];
	eigenvalues: Bytes;
	own_rank: Bytes;
	top_1: Bytes;
	d_vocab: number;
	n_tokens: number;
}

export interface ComposedPair {
	kind: "q" | "k" | "v";
	heads: [[number, number], [number, number]];
	score: number;
	ratio: number;
}

export interface ComposedBlock {
	layer: number;
	to_layer: number;
	values: Bytes;
}

export interface Composition {
	by: "head" | "layer";
	values: Bytes;
	blocks: ComposedBlock[];
	mean: number;
	low: number;
	high: number;
	n_random: number;
	pairs: ComposedPair[];
	beyond: number[];
	n_pairs: number;
}

export interface AbsentPart {
	part: string;
	why: string;
}

export interface HeadBoardPayload {
	version: 1;
	kind: "head_board";
	run: number;
	tokens: TokenInfo[];
	prompt_index: number;
	prompt_count: number;
	layers: number[];
	heads: number;
	target: string;
	scored_on: string;
	columns: BoardColumn[];
	weights: HeadWeightsInfo | null;
	composition: Composition | null;
	absent: AbsentPart[];
	runnable: boolean;
	ablated: Ablated | null;
	effect: WireEffect | null;
	stamp: Stamp;
	code?: string;
}

export interface HeadBoardKept {
	panel_open: boolean;
	table_open: boolean;
	sort: string;
	ascending: boolean;
	layer: number | null;
	beyond: boolean;
	kind: "q" | "k" | "v";
	block: [number, number] | null;
	mode: "zero" | "mean";
}

export interface EigenvaluesRequest {
	id: string;
	kind: "eigenvalues";
	run: number;
	layer: number;
	head: number;
}

export interface BlockRequest {
	id: string;
	kind: "block";
	run: number;
	layer: number;
	to_layer: number;
}

export interface SweepRequest {
	id: string;
	kind: "sweep";
	mode: "zero" | "mean";
}

export interface CancelRequest {
	id: string;
	kind: "cancel";
}

export interface RowAxis {
	name: string;
	labels: string[];
}

export interface Expected {
	words: string[];
	k: number;
	index: Bytes;
	logprob: Bytes;
}

export interface TokensPayload {
	version: 1;
	kind: "token_values";
	run: number;
	tokens: TokenInfo[];
	turns: Turn[];
	prompt_index: number;
	prompt_count: number;
	prompt_label: string;
	title: string;
	unit: string;
	signed: boolean;
	scale: [number, number];
	rows: string[];
	row_axes: RowAxis[];
	held: number[];
	values: Bytes;
	absent: number[];
	nonfinite: number[];
	expected: Expected | null;
	rank: number[] | null;
	stamp: Stamp;
	code?: string;
}

export interface TokensKept {
	row: number;
	panel_open: boolean;
	table_open: boolean;
	by_value: boolean;
	most: number | null;
}

export interface RowRequest {
	id: string;
	kind: "row";
	run: number;
	row: number;
}
