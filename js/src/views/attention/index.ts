import type { AttentionPayload, Kept, Status } from "../../contract.gen";
import { type LinkedTraits, linkSelection } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { Heads } from "./heads";
import { type Change, held, initial, onPayload } from "./state";
import { type Core, makeView, type Tools } from "./view";
import "../../shared/look.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: AttentionPayload | null;
	status: Status | null;
	kept: Kept | null;
};

function attention(at: Mounted<Traits>): void {
	const { model, root, life, rpc, fail, onTrait } = at;
	const heads = new Heads();
	const ask: Core["ask"] = async (kind, fields = {}) => {
		const answer = await rpc.request(kind, fields);
		if (!answer.ok && answer.code !== "no-kernel") fail(`${kind}: ${answer.message}`);
		return answer;
	};
	let state = initial;
	let scheduled = false;
	let failed = false;
	const setLinks: Core["setLinks"] = (to) => links.setLinks(to);
	const keep = (kept: Kept) => {
		model.set("kept", kept);
		model.save_changes();
	};
	const core = { root, life, rpc, heads, set, state: () => state, ask, setLinks, keep };
	const view = makeView(core, () => {
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

	function setPayload(payload: AttentionPayload | null): void {
		heads.setPayload(payload);
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

	const saved = model.get("kept");
	const status = model.get("status");
	if (saved) set({ ...saved, panelOpen: saved.panel_open, tableOpen: saved.table_open });
	if (status) set({ status });
	setPayload(model.get("payload"));
	onTrait("payload", setPayload); // before the links, which look for the selected tokens in it
	const links = linkSelection(at, {
		texts: () => state.payload?.tokens.map(({ text }) => text) ?? [],
		has: (head) => state.payload !== null && held(state.payload, head),
		show: (selection) => set({ ...selection, anchor: null }),
		links: (links) => set({ links }),
		told: (offline) => set({ offline }),
	});
	onTrait("status", (status) => status && set({ status }));
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
	life.frame(() => void loadTools());
}

export default { render: mount("attention", attention) };
