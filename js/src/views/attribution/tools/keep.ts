import type { AttributionKept } from "../../../contract.gen";
import type { State } from "../state";
import type { Core } from "../view";

const keptOf = ({ by, order, every, panelOpen, tableOpen }: State): AttributionKept => ({
	...{ by, order, every, panel_open: panelOpen, table_open: tableOpen },
});

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
