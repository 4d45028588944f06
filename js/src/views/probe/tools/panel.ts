import { toClipboard } from "../../../shared/clipboard";
import { choice, type Named, row } from "../../../shared/controls";
import { h, set, word } from "../../../shared/dom";
import { pictureFiles } from "../../../shared/take";
import type { State } from "../state";
import type { Core } from "../view";
import { asTsv } from "./table";

const named = (names: readonly string[]): Named[] =>
	names.map((title, i) => ({ name: String(i), title }));

/** The ⋯ panel, and what is chosen often in the title line. */
export function makePanel(core: Core): (state: State) => void {
	const { chrome, life, dispatch, ask, setLinks, state } = core;
	const pick = (what: "method" | "position" | "metric" | "part" | "output") => {
		const one = choice(life, what, (name) =>
			dispatch({ type: "kept", kept: { [what]: Number(name) } }),
		);
		return { ...one, what };
	};
	const method = pick("method");
	const position = pick("position");
	const metric = pick("metric");
	const part = pick("part");
	const output = pick("output");
	const table = word("table", { title: "a row a layer (T)" });
	const best = word("best layer", { title: "the highest last metric on held-out texts" });
	const copy = word("copy table");
	const code = word("copy as code", { title: "the Python that makes this view" });
	const steer = word("steer with it", { class: "iw-t iw-act", title: "copies the Python" });
	const link = word("linked", { title: "share the selection with the other views" });
	const from = h("span", { class: "iw-dim iw-from" });
	const lines = {
		position: row("reads", position.node),
		part: row("texts", part.node),
	};
	chrome.tools.append(output.node, method.node, steer);
	chrome.panel.replaceChildren(
		row("metric", metric.node),
		lines.position,
		lines.part,
		row("view", table, best, link),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
	life.on(table, "click", () =>
		dispatch({ type: "kept", kept: { table_open: !state().kept.table_open } }),
	);
	life.on(best, "click", () => {
		const { payload, kept } = state();
		const at = kept.method * (payload?.positions.length ?? 1) + kept.position;
		dispatch({ type: "layer", index: payload?.best[at] ?? 0 });
	});
	life.on(copy, "click", () => {
		const { payload } = state();
		void toClipboard(copy, life, payload && asTsv(state(), payload));
	});
	life.on(code, "click", async () => {
		const answer = await ask("code");
		const text = answer.ok ? String(answer.body.code) : state().payload?.code;
		await toClipboard(code, life, text ?? null);
	});
	life.on(steer, "click", async () => {
		const answer = await ask("direction");
		if (!answer.ok) return;
		steer.title = String(answer.body.words);
		await toClipboard(steer, life, String(answer.body.code));
	});
	life.on(link, "click", async () => {
		const linked = state().links.group === "";
		const answer = await ask("link", { linked });
		if (!answer.ok && home) setLinks({ group: linked ? home : "", warning: "" });
	});
	return ({ links, kept, payload, offline }) => {
		from.textContent = payload?.stamp.full ?? "";
		home = links.group || home;
		set(link, { "aria-pressed": String(links.group !== ""), hidden: !home });
		set(table, { "aria-pressed": String(kept.table_open) });
		if (!payload) return;
		steer.hidden = offline || !payload.can_score;
		for (const [one, names] of [
			[method, payload.methods],
			[position, payload.positions],
			[metric, payload.metrics],
			[part, payload.parts],
			[output, payload.classes.length > 2 ? payload.classes : []],
		] as const) {
			one.show(named(names), String(kept[one.what]));
			one.node.hidden = names.length < 2;
		}
		lines.position.hidden = payload.positions.length < 2;
		lines.part.hidden = payload.parts.length < 2;
	};
}
