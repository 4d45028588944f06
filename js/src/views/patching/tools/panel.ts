import { toClipboard } from "../../../shared/clipboard";
import { row, tick } from "../../../shared/controls";
import { h, set, word } from "../../../shared/dom";
import { pictureFiles } from "../../../shared/take";
import type { Scene } from "../scene";
import { gridOf, type State } from "../state";
import type { Core } from "../view";
import { gridAsTsv } from "./table";

/** The ⋯ panel. */
export function makePanel(core: Core, scene: () => Scene | null): (state: State) => void {
	const { chrome, life, dispatch, ask, setLinks, state } = core;
	const table = word("table", { title: "the grid as a table (T)" });
	const beyond = tick(life, "only beyond control", () =>
		dispatch({ type: "toggle", what: "beyond" }),
	);
	const copy = word("copy values");
	const code = word("copy as code", { title: "the Python that makes this view" });
	const link = word("linked", { title: "share the selection with the other views" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("view", table, beyond.node, link),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && gridAsTsv(now));
	});
	life.on(code, "click", async () => {
		const answer = await ask("code");
		const text = answer.ok ? String(answer.body.code) : state().payload?.code;
		await toClipboard(code, life, text ?? null);
	});
	life.on(link, "click", async () => {
		const linked = state().links.group === "";
		const answer = await ask("link", { linked });
		if (!answer.ok && home) setLinks({ group: linked ? home : "", warning: "" });
	});
	return (now) => {
		const grid = gridOf(now);
		from.textContent = grid?.stamp.full ?? "";
		home = now.links.group || home;
		beyond.show(now.beyond, !grid?.control, grid?.control ? "" : "no control yet");
		set(link, { "aria-pressed": String(now.links.group !== ""), hidden: !home });
		set(table, { "aria-pressed": String(now.tableOpen) });
	};
}
