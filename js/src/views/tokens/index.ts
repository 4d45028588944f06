import type { Selection, Status, TokensKept, TokensPayload } from "../../contract.gen";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { heard } from "../../shared/rpc";
import { makeEffects } from "./effects";
import { Rows } from "./rows";
import { type Action, initial, reduce, type State } from "./state";
import { makeView } from "./view";
import "../../shared/look.css";
import "./style.css";

type Traits = {
	view_id: string;
	payload: TokensPayload | null;
	status: Status | null;
	selection: Selection | null;
	kept: TokensKept | null;
};

const keptOf = ({ row, panelOpen, tableOpen, byValue, most }: State): TokensKept => ({
	row,
	panel_open: panelOpen,
	table_open: tableOpen,
	by_value: byValue,
	most,
});

const KEPT = ["row", "panelOpen", "tableOpen", "byValue"] as const;

function tokens({ model, root, life, rpc, fail, recovered, onTrait, setTrait }: Mounted<Traits>) {
	const rows = new Rows();
	const ask = async (kind: string, fields: Record<string, unknown>) => {
		const answer = await rpc.request(kind, fields, heard);
		if (!answer.ok) fail(`${kind}: ${answer.message}`);
	};
	const view = makeView(root, life, rows, dispatch, {
		rerun: () => ask("rerun", {}),
		prompt: (index) => ask("prompt", { index }),
	});
	const runEffects = makeEffects(life, rpc, rows, dispatch, () => state);
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

	function setPayload(payload: TokensPayload | null): void {
		rows.setPayload(payload);
		recovered();
		dispatch({ type: "payload", payload });
	}

	const kept = model.get("kept");
	const status = model.get("status");
	const selection = model.get("selection");
	if (kept) dispatch({ type: "kept", kept });
	if (status) dispatch({ type: "status", status });
	setPayload(model.get("payload"));
	if (selection) dispatch({ type: "selection", selection });
	onTrait("payload", setPayload);
	onTrait("status", (status) => status && dispatch({ type: "status", status }));
	onTrait("selection", (selection) => selection && dispatch({ type: "selection", selection }));
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(draw)();
}

export default { render: mount("tokens", tokens) };
