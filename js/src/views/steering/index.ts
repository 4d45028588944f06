import type { Status, SteeringKept, SteeringPayload, TokenInfo } from "../../contract.gen";
import { type LinkedTraits, linkSelection } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { isRecord } from "../../shared/rpc";
import { type Action, currentSetting, initial, reduce } from "./state";
import { type Base, type Core, makeView, type Tools } from "./view";
import "../../shared/look.css";
import "../../shared/slider.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: SteeringPayload | null;
	status: Status | null;
	kept: SteeringKept | null;
};

const ASK_MS = 60; // while a slider is dragged

function steering(at: Mounted<Traits>): void {
	const { model, root, life, rpc, fail, onTrait } = at;
	const ask: Base["ask"] = async (kind, fields = {}) => {
		const answer = await rpc.request(kind, fields);
		if (!answer.ok && answer.code !== "no-kernel") fail(`${kind}: ${answer.message}`);
		if (!answer.ok) dispatch({ type: "told", offline: answer.code === "no-kernel" });
		return answer;
	};
	let state = initial;
	let [scheduled, failed, cooling, wanted] = [false, false, false, 0];
	const setLinks: Base["setLinks"] = (to) => links.setLinks(to);
	const keep = (kept: SteeringKept) => {
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
		if (state.open > before.open) tell();
		view.changed(state);
		if (scheduled) return;
		scheduled = true;
		life.frame(draw);
	}

	/** At once, then at most every ASK_MS: the last move wins. */
	function tell(): void {
		wanted++;
		if (cooling) return;
		cooling = true;
		const upTo = wanted;
		life.after(ASK_MS, () => {
			cooling = false;
			if (wanted > upTo) tell();
		});
		const now = currentSetting(state);
		if (!now) return;
		void ask("steer", now).then((answer) => {
			at.recovered();
			if (!answer.ok) return dispatch({ type: "answered", refused: true });
			while (state.open > wanted - upTo) dispatch({ type: "answered", refused: false });
		});
	}

	function setPayload(payload: SteeringPayload | null): void {
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

	const heard = life.guard((message: unknown) => {
		if (!isRecord(message) || message.kind !== "tokens") return;
		const { turn, first, tokens } = message as { turn: number; first: number; tokens: TokenInfo[] };
		const side = message.side === "base" ? "base" : "steered";
		dispatch({ type: "tokens", turn, side, first, tokens });
	});
	model.on("msg:custom", heard);
	life.end(() => model.off("msg:custom", heard));

	const setKept = (kept: SteeringKept | null) => kept && dispatch({ type: "kept", kept });
	const setStatus = (status: Status | null) => status && dispatch({ type: "status", status });
	setKept(model.get("kept"));
	setStatus(model.get("status"));
	setPayload(model.get("payload"));
	onTrait("payload", setPayload); // before the links, which look for the selected tokens in it
	const links = linkSelection(at, {
		texts: () => {
			const { payload } = state;
			return [...(payload?.prompt ?? []), ...(payload?.steered?.tokens ?? [])].map(
				({ text }) => text,
			);
		},
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

export default { render: mount("steering", steering) };
