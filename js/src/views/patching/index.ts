import type { Patches, PatchingKept, PatchingPayload, Status } from "../../contract.gen";
import { type LinkedTraits, linkSelection } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { type Action, gridOf, initial, reduce } from "./state";
import { type Base, type Core, makeView, type Tools } from "./view";
import "../../shared/grid/grid.css";
import "../../shared/look.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: PatchingPayload | null;
	patches: Patches | null;
	status: Status | null;
	kept: PatchingKept | null;
};

function patching(at: Mounted<Traits>): void {
	const { model, root, life, rpc, fail, onTrait } = at;
	const ask: Base["ask"] = async (kind, fields = {}) => {
		const answer = await rpc.request(kind, fields);
		if (!answer.ok && answer.code !== "no-kernel") fail(`${kind}: ${answer.message}`);
		else at.recovered();
		return answer;
	};
	let state = initial;
	let scheduled = false;
	let failed = false;
	const setLinks: Base["setLinks"] = (to) => links.setLinks(to);
	const keep = (kept: PatchingKept) => {
		model.set("kept", kept);
		model.save_changes();
	};
	const base = { root, life, rpc, dispatch, state: () => state, ask, setLinks, keep };
	const view = makeView(base, () => {
		dispatch({ type: "toggle", what: "panelOpen" });
		if (failed) void loadTools();
	});

	const draw = () => {
		scheduled = false;
		view.draw(state);
	};

	function dispatch(action: Action): void {
		const before = state;
		state = reduce(state, action);
		if (state === before) return;
		if (state.edits > before.edits) links.edit(state);
		view.changed(state);
		if (scheduled) return;
		scheduled = true;
		life.frame(draw);
	}

	function setPayload(payload: PatchingPayload | null): void {
		at.recovered();
		dispatch({ type: "payload", payload });
	}

	/** In a page whose kernel failed to answer, opening the panel asks again. */
	async function loadTools(): Promise<void> {
		failed = false;
		try {
			view.use(await loadPart<(core: Core) => Tools>("tools", at));
		} catch {
			failed = true;
		}
	}

	const setKept = (kept: PatchingKept | null) => kept && dispatch({ type: "kept", kept });
	const setStatus = (status: Status | null) => status && dispatch({ type: "status", status });
	const setPatches = (patches: Patches | null) => patches && dispatch({ type: "patches", patches });
	setKept(model.get("kept"));
	setStatus(model.get("status"));
	setPatches(model.get("patches"));
	setPayload(model.get("payload"));
	onTrait("payload", setPayload); // before the links, which look for the selected tokens in it
	const links = linkSelection(at, {
		texts: () => {
			const grid = gridOf(state);
			return grid?.by === "position" ? grid.target.map(({ text }) => text) : [];
		},
		has: ([layer, head]) => {
			const grid = gridOf(state);
			return grid?.by !== "head" || (grid.layers.includes(layer) && grid.columns.includes(head));
		},
		show: (selection) => dispatch({ type: "selection", selection }),
		links: (links) => dispatch({ type: "links", links }),
		told: (offline) => dispatch({ type: "told", offline }),
	});
	onTrait("status", setStatus);
	onTrait("patches", setPatches);
	onTrait("kept", setKept);
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
	life.frame(() => void loadTools());
}

export default { render: mount("patching", patching) };
