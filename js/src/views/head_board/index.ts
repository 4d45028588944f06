import type { HeadBoardKept, HeadBoardPayload, Status } from "../../contract.gen";
import { type LinkedTraits, linkSelection } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { Numbers } from "./numbers";
import { type Change, has, initial, onPayload, onStatus } from "./state";
import { type Base, type Core, makeView, type Tools } from "./view";
import "../../shared/grid/grid.css";
import "../../shared/look.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: HeadBoardPayload | null;
	status: Status | null;
	kept: HeadBoardKept | null;
};

function headBoard(at: Mounted<Traits>): void {
	const { model, root, life, rpc, fail, onTrait } = at;
	const numbers = new Numbers();
	const ask: Base["ask"] = async (kind, fields = {}) => {
		const answer = await rpc.request(kind, fields);
		if (!answer.ok && answer.code !== "no-kernel") fail(`${kind}: ${answer.message}`);
		return answer;
	};
	let state = initial;
	let scheduled = false;
	let failed = false;
	const setLinks: Base["setLinks"] = (to) => links.setLinks(to);
	const keep = (kept: HeadBoardKept) => {
		model.set("kept", kept);
		model.save_changes();
	};
	const base = { root, life, rpc, numbers, set, state: () => state, ask, setLinks, keep };
	const view = makeView(base, () => {
		set({ panelOpen: !state.panelOpen });
		if (failed) void loadTools();
	});

	const draw = () => {
		scheduled = false;
		view.draw(state);
	};

	function set(change: Change): void {
		const { edits } = state;
		state = { ...state, ...change };
		if (state.edits > edits) links.edit(state);
		view.changed(state);
		if (scheduled) return;
		scheduled = true;
		life.frame(draw);
	}

	function setPayload(payload: HeadBoardPayload | null): void {
		numbers.setPayload(payload);
		at.recovered();
		set(onPayload(state, payload));
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

	const kept = model.get("kept");
	if (kept) {
		const { panel_open: panelOpen, table_open: tableOpen, layer: only, ...same } = kept;
		set({ ...same, only, panelOpen, tableOpen });
	}
	const setStatus = (status: Status | null) => status && set(onStatus(state, status));
	setStatus(model.get("status"));
	setPayload(model.get("payload"));
	onTrait("payload", setPayload); // before the links, which look for the selected tokens in it
	const links = linkSelection(at, {
		texts: () => state.payload?.tokens.map(({ text }) => text) ?? [],
		has: (head) => state.payload !== null && has(state.payload, head),
		show: (selection) => set(selection),
		links: (links) => set({ links }),
		told: (offline) => set({ offline }),
	});
	onTrait("status", setStatus);
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
	life.frame(() => void loadTools());
}

export default { render: mount("head_board", headBoard) };
