import type { HeadBoardKept } from "../../../contract.gen";
import type { State } from "../state";
import type { Core } from "../view";

function keptOf({
	panelOpen,
	tableOpen,
	sort,
	ascending,
	only,
	beyond,
	kind,
	block,
	mode,
}: State): HeadBoardKept {
	return {
		...{ panel_open: panelOpen, table_open: tableOpen, sort, ascending, layer: only, beyond },
		...{ kind, block: block && [...block], mode },
	};
}

/** Tells Python what a re-run keeps. */
export function makeKeep({ state, keep }: Core): (state: State) => void {
	let told = JSON.stringify(keptOf(state()));
	return (now) => {
		const kept = keptOf(now);
		if (JSON.stringify(kept) === told) return;
		told = JSON.stringify(kept);
		keep(kept);
	};
}
