import type { Kept } from "../../../contract.gen";
import type { State } from "../state";
import type { Core } from "../view";

const KEPT_MS = 250;

const keptOf = ({ zoom, panelOpen, tableOpen, ...state }: State): Kept => ({
	...{ zoom: zoom && [...zoom], panel_open: panelOpen, table_open: tableOpen },
	...{ score: state.score ?? "", sorted: state.sorted ?? false },
	...{ fit: state.fit ?? null, unmasked: state.unmasked ?? false },
});

/** Tells Python what a re-run keeps; a pan changes the zoom at every frame, and is told at rest. */
export function makeKeep({ life, state, keep }: Core): (state: State) => void {
	let told = JSON.stringify(keptOf(state()));
	let waiting = false;
	return (now) => {
		if (waiting || JSON.stringify(keptOf(now)) === told) return;
		waiting = true;
		life.after(KEPT_MS, () => {
			waiting = false;
			const kept = keptOf(state());
			if (JSON.stringify(kept) === told) return;
			told = JSON.stringify(kept);
			keep(kept);
		});
	};
}
