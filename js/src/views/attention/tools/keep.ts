import type { Kept } from "../../../contract.gen";
import type { State } from "../state";
import type { Core } from "../view";

const KEPT_MS = 250;

const keptOf = ({ zoom, panelOpen, tableOpen, ...state }: State): Kept => ({
	...{ zoom: zoom && [...zoom], panel_open: panelOpen, table_open: tableOpen },
	...{ score: state.score ?? "", sorted: state.sorted ?? false },
	...{ fit: state.fit ?? null, unmasked: state.unmasked ?? false },
});

/** Tells Python what a re-run keeps: at once, and what follows, as of a pan, at rest. */
export function makeKeep({ life, state, keep }: Core): (state: State) => void {
	let told = JSON.stringify(keptOf(state()));
	let waiting = false;
	const tell = () => {
		const kept = keptOf(state());
		if (JSON.stringify(kept) === told) return;
		told = JSON.stringify(kept);
		keep(kept);
		waiting = true;
		life.after(KEPT_MS, () => {
			waiting = false;
			tell();
		});
	};
	life.end(tell); // a cell that runs again may put another view in this one's place
	return () => {
		if (!waiting) tell();
	};
}
