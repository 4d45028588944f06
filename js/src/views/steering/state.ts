import type { Links, Status, SteeringKept, SteeringPayload, TokenInfo } from "../../contract.gen";
import { clamp } from "../../shared/keys";
import type { Shown } from "../../shared/links";

/** Where everything on the panel stands, as it is asked of Python. */
export interface Setting {
	strengths: readonly number[];
	layers: readonly (readonly number[])[];
	positions: readonly number[] | null;
	extras: readonly boolean[];
	max_new_tokens: number;
	temperature: number;
	seed: number;
}

/** A text that is being written. */
export interface Stream {
	turn: number;
	base: readonly TokenInfo[] | null;
	steered: readonly TokenInfo[] | null;
}

export interface State extends Shown {
	payload: SteeringPayload | null;
	status: Status;
	links: Links;
	edits: number;
	/** What was set here; null: as the payload has it. */
	setting: Setting | null;
	/** Settings that Python has not answered. */
	open: number;
	stream: Stream | null;
	dial: number;
	panelOpen: boolean;
	tableOpen: boolean;
	offline: boolean;
}

export type Action =
	| { type: "payload"; payload: SteeringPayload | null }
	| { type: "status"; status: Status }
	| { type: "links"; links: Links }
	| { type: "selection"; selection: Shown }
	| { type: "told"; offline: boolean }
	| { type: "kept"; kept: SteeringKept }
	| { type: "set"; change: Partial<Setting> }
	| { type: "answered"; refused: boolean }
	| { type: "tokens"; turn: number; side: "base" | "steered"; first: number; tokens: TokenInfo[] }
	| { type: "token"; position: number; add: boolean }
	| { type: "dial"; dial: number }
	| { type: "toggle"; what: "panelOpen" | "tableOpen" };

const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };

export const initial: State = {
	payload: null,
	status: NOT_RUN,
	links: { group: "", warning: "" },
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
	edits: 0,
	setting: null,
	open: 0,
	stream: null,
	dial: 0,
	panelOpen: false,
	tableOpen: false,
	offline: false,
};

const settingOf = (payload: SteeringPayload): Setting => ({
	strengths: payload.dials.map(({ strength }) => strength),
	layers: payload.dials.map(({ layers }) => layers),
	positions: payload.positions,
	extras: payload.extras.map(({ on }) => on),
	...payload.writing,
});

/** Where the panel stands: what was moved last, whether Python knows it or not. */
export const currentSetting = ({ payload, setting }: State): Setting | null =>
	setting ?? (payload && settingOf(payload));

/** The dial whose dose-response is drawn. */
export const chosenDial = ({ payload, dial }: State): number =>
	clamp(dial, 0, (payload?.dials.length ?? 1) - 1);

/** Whether the steered text is of where the dials stand. */
export const isCurrent = ({ payload, setting }: State): boolean =>
	!!payload?.steered && !setting && payload.written === payload.turn;

function onTokens(state: State, action: Extract<Action, { type: "tokens" }>): State {
	const { turn, side, first, tokens } = action;
	if (turn < (state.stream?.turn ?? 0) || turn <= (state.payload?.written ?? 0)) return state;
	const fresh: Stream = { turn, base: null, steered: null };
	const stream = state.stream?.turn === turn ? state.stream : fresh;
	const before = first ? (stream[side] ?? []) : [];
	if (before.length !== first) return state; // some were lost: the whole text follows
	return { ...state, stream: { ...stream, [side]: [...before, ...tokens] } };
}

function onToken(state: State, position: number, add: boolean): State {
	const others = state.tokens.filter((token) => token !== position);
	const tokens = add
		? [...others, ...(others.length < state.tokens.length ? [] : [position])]
		: [position];
	return { ...state, tokens, lost: [], edits: state.edits + 1 };
}

export function reduce(state: State, action: Action): State {
	switch (action.type) {
		case "payload": {
			const { payload } = action;
			const done = payload && state.stream && payload.written >= state.stream.turn;
			return {
				...state,
				payload,
				stream: done ? null : state.stream,
				setting: state.open ? state.setting : null,
			};
		}
		case "set": {
			const now = currentSetting(state);
			if (!now) return state;
			return { ...state, setting: { ...now, ...action.change }, open: state.open + 1 };
		}
		case "answered": {
			const open = Math.max(0, state.open - 1);
			return { ...state, open, setting: open && !action.refused ? state.setting : null };
		}
		case "tokens":
			return onTokens(state, action);
		case "token":
			return onToken(state, action.position, action.add);
		case "status":
			return { ...state, status: action.status };
		case "links":
			return { ...state, links: action.links };
		case "selection":
			return { ...state, ...action.selection };
		case "told":
			return { ...state, offline: action.offline };
		case "kept": {
			const { dial, panel_open: panelOpen, table_open: tableOpen } = action.kept;
			return { ...state, dial, panelOpen, tableOpen };
		}
		case "dial":
			return { ...state, dial: action.dial };
		case "toggle":
			return { ...state, [action.what]: !state[action.what] };
	}
}
