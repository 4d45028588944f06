import { toClipboard } from "../../../shared/clipboard";
import { row } from "../../../shared/controls";
import { h, set, word } from "../../../shared/dom";
import { pictureFiles } from "../../../shared/take";
import type { State } from "../state";
import type { Core } from "../view";
import { asTsv } from "./table";

/** The ⋯ panel. */
export function makePanel(core: Core): (state: State) => void {
	const { chrome, life, dispatch, ask, setLinks, state } = core;
	const table = word("table", { title: "both texts as a table (T)" });
	const reset = word("reset", { title: "every strength 0, everywhere" });
	const copy = word("copy texts");
	const code = word("copy as code", { title: "the Python that makes this view" });
	const link = word("linked", { title: "share the selection with the other views" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("view", table, link, reset),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(reset, "click", () => {
		const strengths = (state().payload?.dials ?? []).map(() => 0);
		dispatch({ type: "set", change: { strengths, positions: null } });
	});
	life.on(copy, "click", () => {
		const { payload } = state();
		void toClipboard(copy, life, payload && asTsv(payload));
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
	return ({ links, tableOpen, payload }) => {
		from.textContent = payload?.stamp.full ?? "";
		home = links.group || home;
		set(link, { "aria-pressed": String(links.group !== ""), hidden: !home });
		set(table, { "aria-pressed": String(tableOpen) });
	};
}
