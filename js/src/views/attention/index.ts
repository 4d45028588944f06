import type { AttentionPayload, Kept, Selection, Status } from "../../contract.gen";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { heard } from "../../shared/rpc";
import { makeEffects } from "./effects";
import { Heads } from "./heads";
import { type Action, initial, reduce, type State } from "./state";
import { makeView } from "./view";
import "../../shared/look.css";
import "./style.css";

type Traits = {
	view_id: string;
	payload: AttentionPayload | null;
	status: Status | null;
	selection: Selection | null;
	kept: Kept | null;
};

const keptOf = ({ zoom, panelOpen, tableOpen }: State): Kept => ({
	zoom: zoom && [...zoom],
	panel_open: panelOpen,
	table_open: tableOpen,
});

const KEPT = ["zoom", "panelOpen", "tableOpen"] as const;

function attention({
	model,
	root,
	life,
	rpc,
	fail,
	recovered,
	onTrait,
	setTrait,
}: Mounted<Traits>): void {
	const heads = new Heads();
	const ask = async (kind: string, fields: Record<string, unknown>) => {
		const answer = await rpc.request(kind, fields, heard);
		if (!answer.ok) fail(`${kind}: ${answer.message}`);
	};
	const view = makeView(root, life, heads, dispatch, {
		rerun: () => ask("rerun", {}),
		prompt: (index) => ask("prompt", { index }),
	});
	const runEffects = makeEffects(life, rpc, heads, dispatch, () => state);
	let state = initial;
	let scheduled = false;

	const draw = () => {
		scheduled = false;
		view.draw(state);
	};

	function dispatch(action: Action): void {
		const before = state;
		state = reduce(state, action);
		if (state === before) return;
		if (action.type !== "kept" && KEPT.some((part) => state[part] !== before[part])) {
			setTrait("kept", keptOf(state));
		}
		runEffects();
		if (scheduled) return;
		scheduled = true;
		life.frame(draw);
	}

	function setPayload(payload: AttentionPayload | null): void {
		heads.setPayload(payload);
		recovered();
		dispatch({ type: "payload", payload });
	}

	const kept = model.get("kept");
	const status = model.get("status");
	const selection = model.get("selection");
	if (kept) dispatch({ type: "kept", kept });
	if (status) dispatch({ type: "status", status });
	if (selection) dispatch({ type: "selection", selection });
	setPayload(model.get("payload"));
	onTrait("payload", setPayload);
	onTrait("status", (status) => status && dispatch({ type: "status", status }));
	onTrait("selection", (selection) => selection && dispatch({ type: "selection", selection }));
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
}

export default { render: mount("attention", attention) };
