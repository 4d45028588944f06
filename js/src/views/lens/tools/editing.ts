import type { At } from "../../../shared/grid/types";
import { clamp } from "../../../shared/keys";
import {
	countOf,
	type Edit,
	inside,
	layerOf,
	onPress,
	type State,
	selectedCells,
	withCells,
} from "../state";

function togglePin(state: State, at: At): State {
	const { payload, pins } = state;
	if (!payload || !inside(state, at)) return state;
	const pin = {
		layer: layerOf(payload, at[0]),
		position: at[1],
		text: payload.tokens[at[1]]?.text ?? "",
	};
	const others = pins.filter(
		({ layer, position, text }) =>
			layer !== pin.layer || position !== pin.position || text !== pin.text,
	);
	return { ...state, pins: others.length < pins.length ? others : [...pins, pin] };
}

/** The name of a layer or a token was clicked. */
function onName(state: State, kind: "row" | "column", index: number): State {
	const { payload, layer, tokens } = state;
	if (!payload) return state;
	if (kind === "column") {
		const same = tokens.length === 1 && tokens[0] === index;
		return withCells(state, layer, same ? [] : [index]);
	}
	const to = layerOf(payload, index);
	return withCells(state, to === layer ? null : to, tokens);
}

function onMove(state: State, [down, right]: At): State {
	const [rows, columns] = countOf(state);
	if (!rows || !columns) return state;
	const from = state.cursor ?? selectedCells(state)[0];
	if (!from) {
		const cursor: At = [0, columns - 1];
		return { ...state, cursor, hover: cursor };
	}
	const cursor: At = [clamp(from[0] + down, 0, rows - 1), clamp(from[1] + right, 0, columns - 1)];
	return { ...state, cursor, hover: cursor };
}

function onEscape(state: State): State {
	if (state.open) return { ...state, open: false, hover: null };
	if (state.hover) return { ...state, hover: null };
	if (state.tokens.length || state.layer !== null) return withCells(state, null, []);
	if (state.tableOpen) return { ...state, tableOpen: false };
	return { ...state, panelOpen: false };
}

export function edit(state: State, action: Edit): State {
	switch (action.type) {
		case "name":
			return onName(state, action.kind, action.index);
		case "move":
			return onMove(state, action.by);
		case "take":
			return state.cursor ? onPress(state, state.cursor) : state;
		case "pin": {
			const at = action.at ?? state.cursor ?? selectedCells(state)[0];
			return at ? togglePin(state, at) : state;
		}
		case "unpin":
			return { ...state, pins: state.pins.filter((_, i) => i !== action.index) };
		case "measure":
			return { ...state, measure: action.measure };
		case "of":
			return { ...state, of: action.of };
		case "fetch":
			return { ...state, fetch: action.message, offline: action.offline ?? state.offline };
		case "escape":
			return onEscape(state);
	}
}
