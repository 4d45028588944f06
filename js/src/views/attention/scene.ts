import type { AttentionPayload } from "../../contract.gen";
import type { Ink } from "../../shared/pixels";
import type { HeadView } from "./heads";
import type { Change, HeadId, State } from "./state";

/** What happens in the figure. */
export interface Acts {
	set(change: Change): void;
	head(head: HeadId, event: MouseEvent): void;
	token(position: number, event: MouseEvent): void;
}

/** What one drawing is of: the state, and what follows from it. */
export interface Scene {
	state: State;
	payload: AttentionPayload;
	/** Of the large map; thumbnails have the payload's own scale. */
	ink: Ink;
	width: number;
	/** Keys after their query are bare paper. */
	causal: boolean;
	heads: readonly HeadId[];
	head: HeadId | null;
	query: number;
	/** The chosen head; in full, or its thumbnail while it comes. */
	view: HeadView | null;
	/** The full numbers are on their way. */
	coming: boolean;
}

/** The query whose arcs are drawn: the one under the pointer, else the selected one. */
export const activeQuery = ({ state, query }: Scene): number => state.hover[0] ?? query;

export const headName = ([layer, head]: HeadId): string => `L${layer} H${head}`;
