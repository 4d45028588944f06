import type { ProbeKept, ProbePayload, Status } from "../../contract.gen";
import { type LinkedTraits, linkSelection } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { type Action, initial, reduce } from "./state";
import { type Base, type Core, makeView, type Tools } from "./view";
import "../../shared/grid/grid.css";
import "../../shared/look.css";
import "../../shared/slider.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: ProbePayload | null;
	status: Status | null;
	kept: ProbeKept | null;
};

function probe(at: Mounted<Traits>): void {
	const { model, root, life, rpc, fail, onTrait } = at;
	const ask: Base["ask"] = async (kind, fields = {}) => {
		const answer = await rpc.request(kind, fields);
		const offline = !answer.ok && answer.code === "no-kernel";
		if (!answer.ok && !offline) fail(`${kind}: ${answer.message}`);
		else at.recovered();
		dispatch({ type: "told", offline });
		return answer;
	};
	let state = initial;
	let [scheduled, failed] = [false, false];
	const setLinks: Base["setLinks"] = (to) => links.setLinks(to);
	const keep = (kept: ProbeKept) => {
		model.set("kept", kept);
		model.save_changes();
	};
	const base = { root, life, rpc, dispatch, state: () => state, ask, setLinks, keep };
	const view = makeView(base, () => {
		dispatch({ type: "kept", kept: { panel_open: !state.kept.panel_open } });
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

	function setPayload(payload: ProbePayload | null): void {
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

	const setKept = (kept: ProbeKept | null) => kept && dispatch({ type: "kept", kept });
	const setStatus = (status: Status | null) => status && dispatch({ type: "status", status });
	setKept(model.get("kept"));
	setStatus(model.get("status"));
	setPayload(model.get("payload"));
	onTrait("payload", setPayload); // before the links, which look for the selected tokens in it
	const links = linkSelection(at, {
		texts: () => (state.payload?.scored[0]?.tokens ?? []).map(({ text }) => text),
		has: () => true,
		show: (selection) => dispatch({ type: "selection", selection }),
		links: (links) => dispatch({ type: "links", links }),
		told: (offline) => dispatch({ type: "told", offline }),
	});
	onTrait("status", setStatus);
	onTrait("kept", setKept);
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
	life.frame(() => void loadTools());
}

export default { render: mount("probe", probe) };
