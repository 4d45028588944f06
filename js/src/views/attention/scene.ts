import type { AttentionPayload } from "../../contract.gen";
import type { Ink } from "../../shared/pixels";
import type { Theme } from "../../shared/theme";
import type { HeadView } from "./heads";
import type { Action, HeadId, State } from "./state";

export type Dispatch = (action: Action) => void;

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: AttentionPayload;
	theme: Theme;
	ink: Ink;
	width: number;
	head: HeadId | null;
	query: number;
	/** The chosen head; in full, or its thumbnail while it comes. */
	view: HeadView | null;
	/** The full numbers are on their way. */
	coming: boolean;
}

/** The query whose arcs are drawn: the one under the pointer, else the selected one. */
export const activeQuery = ({ state, query }: Scene): number => state.hover.query ?? query;

export const headName = ([layer, head]: HeadId): string => `L${layer} H${head}`;
