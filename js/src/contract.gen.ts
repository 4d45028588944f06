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

export interface Breakdown {
	name: string;
	title: string;
	why: string;
}

export interface WireBars {
	by: string;
	places: [string, number, number, number][];
	numbers: Bytes;
	rest_count: number;
	rest_value: number | null;
}

export interface SourceStrips {
	heads: [number, number][];
	values: Bytes;
}

export interface AttributionPayload {
	version: 1;
	kind: "direct_logit_attribution";
	run: number;
	tokens: TokenInfo[];
	turns: Turn[];
	same_text: boolean;
	prompt_index: number;
	prompt_count: number;
	n: number;
	mean: boolean;
	follow: boolean;
	pos: number;
	measure: string;
	toward: TokenInfo | null;
	over: TokenInfo | null;
	target_count: number;
	layers: number;
	heads: number;
	logit: number | null;
	remainder: number | null;
	output: number | null;
	cap: number;
	breakdowns: Breakdown[];
	bars: WireBars[];
	strips: SourceStrips | null;
	stamp: Stamp;
	code?: string;
}

export interface AttributionKept {
	by: string;
	order: "size" | "layer";
	every: boolean;
	panel_open: boolean;
	table_open: boolean;
}

export interface SplitRequest {
	id: string;
	kind: "split";
	by: string;
	mean: boolean;
	follow: boolean;
}

export interface PositionRequest {
	id: string;
	kind: "position";
	run: number;
	pos: number;
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

export interface CancelRequest {
	id: string;
	kind: "cancel";
}

export interface EffectsControl {
	n: number;
	title: string;
	low: Bytes;
	high: Bytes;
}

export interface EffectsPayload {
	version: 1;
	kind: "effects";
	run: number;
	title: string;
	what: string;
	caption: string;
	unit: string;
	rows: string[];
	columns: string[];
	down: string;
	across: string;
	heads: [number, number][][];
	layers: (number | null)[];
	values: Bytes;
	low: Bytes;
	high: Bytes;
	neutral: number;
	scale: number;
	n: number;
	case: string;
	control: EffectsControl | null;
	control_call: string;
	stamp: Stamp;
	code?: string;
}

export interface EffectsKept {
	beyond: boolean;
	panel_open: boolean;
	table_open: boolean;
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

export interface LensTarget {
	id: number;
	text: string;
}

export interface LensMap {
	name: "entropy" | "kl" | "logprob" | "rank";
	target: number;
	data: Bytes;
}

export interface LensColumns {
	positions: number[];
	ids: number[];
	words: string[];
	index?: Bytes;
	logprob?: Bytes;
	target_logprob?: Bytes;
	target_rank?: Bytes;
}

export interface LensBand {
	position: number;
	n: number;
	title: string;
	ids: number[];
	low: ((number | null)[])[];
	high: ((number | null)[])[];
}

export interface LensTuned {
	on: boolean;
	title: string;
}

export interface LensPayload {
	version: 1;
	kind: "logit_lens";
	run: number;
	tokens: TokenInfo[];
	turns: Turn[];
	prompt_index: number;
	prompt_count: number;
	site: string;
	layers: number[];
	k: number;
	dtype: "float32" | "float16";
	ids: number[];
	words: string[];
	best: Bytes;
	best_logprob: Bytes;
	targets: LensTarget[];
	maps: LensMap[];
	columns: LensColumns;
	bands: LensBand[];
	tuned: LensTuned | null;
	nonfinite: number;
	stamp: Stamp;
	code?: string;
}

export interface LensPin {
	layer: number;
	position: number;
	text: string;
}

export interface LensKept {
	measure: "probability" | "rank" | "entropy" | "kl";
	of: number | null;
	pins: LensPin[];
	words: boolean;
	panel_open: boolean;
	table_open: boolean;
}

export interface ColumnRequest {
	id: string;
	kind: "column";
	run: number;
	position: number;
}

export interface MapRequest {
	id: string;
	kind: "map";
	run: number;
	name: "entropy" | "kl" | "logprob" | "rank";
	target: number;
}

export interface TrackRequest {
	id: string;
	kind: "track";
	token: number;
	on: boolean;
}

export interface TunedRequest {
	id: string;
	kind: "tuned";
	on: boolean;
}

export interface LensControlRequest {
	id: string;
	kind: "control";
	run: number;
	position: number;
	tokens: number[];
}

export interface WirePatchControl {
	n: number;
	title: string;
	mean: Bytes;
	low: Bytes;
	high: Bytes;
}

export interface WireAgreement {
	correlation: number | null;
	tolerance: number;
	disagree: [number, number][];
}

export interface WirePatchGrid {
	name: string;
	title: string;
	what: string;
	site: string;
	by: "position" | "head" | "neuron";
	direction: "denoising" | "noising";
	exact: boolean;
	metric: string;
	unit: string;
	layers: number[];
	columns: number[];
	source: TokenInfo[];
	target: TokenInfo[];
	mapping: [number, number][];
	varying: number[];
	alone: number[];
	n: number;
	clean: number;
	corrupted: number;
	values: Bytes;
	raw: Bytes;
	low: Bytes;
	high: Bytes;
	left: number;
	control: WirePatchControl | null;
	agreement: WireAgreement | null;
	stamp: Stamp;
}

export interface PatchingPayload {
	version: 1;
	kind: "patching";
	run: number;
	grids: WirePatchGrid[];
	code?: string;
}

export interface TopToken {
	token: TokenInfo;
	probability: number;
}

export interface RunControl {
	n: number;
	low: number;
	high: number;
	title: string;
}

export interface WirePatchedRun {
	number: number;
	words: string;
	site: string;
	layer: number;
	pos: number | null;
	source_pos: number | null;
	heads: number[];
	share: number;
	raw: number;
	metric: string;
	unit: string;
	low: number | null;
	high: number | null;
	control: RunControl | null;
	top: TopToken[];
}

export interface CellOutput {
	grid: number;
	row: number;
	column: number;
	share: number;
	raw: number;
	top: TopToken[];
}

export interface Patches {
	can_run: boolean;
	can_restore: boolean;
	runs: WirePatchedRun[];
	outputs: CellOutput[];
	clean_top: TopToken[];
	corrupted_top: TopToken[];
	restored: number | null;
	note: string;
}

export interface PatchingKept {
	grid: number;
	beyond: boolean;
	panel_open: boolean;
	table_open: boolean;
}

export interface CellRequest {
	id: string;
	kind: "cell";
	grid: number;
	row: number;
	column: number;
}

export interface PatchRequest {
	id: string;
	kind: "patch";
	grid: number;
	layer: number;
	pos: number | null;
	source_pos: number | null;
	head: number | null;
}

export interface PatchControlRequest {
	id: string;
	kind: "control";
	grid: number;
	number: number | null;
}

export interface ExactRequest {
	id: string;
	kind: "exact";
}

export interface RestoreRequest {
	id: string;
	kind: "restore";
	number: number | null;
}

export interface WireNull {
	name: string;
	n: number;
	mean: (number | null)[];
	low: (number | null)[];
	high: (number | null)[];
}

export interface WireCurve {
	part: number;
	metric: number;
	probe: number;
	value: (number | null)[];
	low: (number | null)[];
	high: (number | null)[];
	nulls: WireNull[];
}

export interface WireScores {
	probe: number;
	data: Bytes;
}

export interface WireScored {
	probe: number;
	target: number | null;
	tokens: TokenInfo[];
	turns: Turn[];
	read: number[];
	data: Bytes;
}

export interface ProbePayload {
	version: 1;
	kind: "probe";
	run: number;
	task: "binary" | "multiclass" | "regression";
	classes: string[];
	about: string;
	said: string;
	site: string;
	layers: number[];
	methods: string[];
	positions: string[];
	metrics: string[];
	parts: string[];
	best: number[];
	curves: WireCurve[];
	part: number[];
	target: number[];
	scores: WireScores[];
	scored: WireScored[];
	can_score: boolean;
	facts: string[];
	stamp: Stamp;
	code?: string;
}

export interface ProbeKept {
	embed: boolean;
	method: number;
	position: number;
	metric: number;
	part: number;
	output: number;
	threshold: number;
	panel_open: boolean;
	table_open: boolean;
}

export interface ScoreRequest {
	id: string;
	kind: "text";
	text: string;
}

export interface ForgetRequest {
	id: string;
	kind: "forget";
	index: number;
}

export interface SteerCodeRequest {
	id: string;
	kind: "direction";
}

export interface WireDial {
	name: string;
	site: string;
	strength: number;
	layers: number[];
	known: number[];
	units: number[];
	gate: string;
}

export interface WireExtra {
	words: string;
	on: boolean;
}

export interface WireWriting {
	max_new_tokens: number;
	temperature: number;
	seed: number;
}

export interface WireText {
	tokens: TokenInfo[];
	changed: number[];
	touched: number[];
	loss: number | null;
	done: boolean;
}

export interface WireLine {
	mean: (number | null)[];
	low: (number | null)[];
	high: (number | null)[];
	control: (number | null)[];
	control_low: (number | null)[];
	control_high: (number | null)[];
}

export interface WireDose {
	dial: number;
	name: string;
	place: string;
	strengths: number[];
	unit: number;
	effect: WireLine;
	loss: WireLine;
	metric: string;
	sampling: string;
	n: number;
	n_control: number;
	stale: boolean;
	note: string;
}

export interface SteeringPayload {
	version: 1;
	kind: "steering";
	run: number;
	turn: number;
	written: number;
	prompt: TokenInfo[];
	turns: Turn[];
	dials: WireDial[];
	strongest: number;
	positions: number[] | null;
	extras: WireExtra[];
	writing: WireWriting;
	words: string;
	base: WireText | null;
	steered: WireText | null;
	metric: string;
	doses: WireDose[];
	can_show: boolean;
	stamp: Stamp;
	code?: string;
}

export interface SteeringKept {
	dial: number;
	panel_open: boolean;
	table_open: boolean;
}

export interface SteerRequest {
	id: string;
	kind: "steer";
	strengths: number[];
	layers: number[][];
	positions: number[] | null;
	extras: boolean[];
	max_new_tokens: number;
	temperature: number;
	seed: number;
}

export interface StopRequest {
	id: string;
	kind: "stop";
}

export interface DoseRequest {
	id: string;
	kind: "dose";
	dial: number;
}

export interface ShowRequest {
	id: string;
	kind: "show";
	side: "base" | "steered";
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
