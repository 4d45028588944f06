import { toClipboard } from "../../../shared/clipboard";
import { choice, row, tick } from "../../../shared/controls";
import { h, isDisabled, set, word } from "../../../shared/dom";
import { clamp } from "../../../shared/keys";
import { pictureFiles } from "../../../shared/take";
import { tokenText } from "../../../shared/tokens";
import type { State } from "../state";
import type { Core, Scene } from "../view";
import { splitting } from "./choices";
import { asTsv } from "./table";

const ORDERS = ["size", "layer"].map((name) => ({ name, title: `by ${name}` }));

/** The ⋯ panel. */
export function makePanel(core: Core, scene: () => Scene | null): (state: State) => void {
	const { chrome, life, dispatch, ask, setLinks, state } = core;
	const order = choice(life, "order", (name) =>
		dispatch({ type: "order", order: name === "layer" ? "layer" : "size" }),
	);
	const every = tick(life, "show all", () => dispatch({ type: "toggle", what: "every" }));
	const position = makePosition(core);
	const table = word("table", { title: "every bar as a table (T)" });
	const copy = word("copy values");
	const code = word("copy as code", { title: "the Python that makes this view" });
	const link = word("linked", { title: "share the selection with the other views" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("bars", order.node, every.node),
		row("explain", position.node),
		row("view", table, link),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
	life.on(table, "click", () => dispatch({ type: "toggle", what: "tableOpen" }));
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && asTsv(now));
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
		from.textContent = now.payload?.stamp.full ?? "";
		home = now.links.group || home;
		order.show(ORDERS, now.order);
		every.show(now.every);
		position.show(now);
		set(link, { "aria-pressed": String(now.links.group !== ""), hidden: !home });
		set(table, { "aria-pressed": String(now.tableOpen) });
	};
}

/** Which token's next one is explained; another one is one more run. */
function makePosition(core: Core) {
	const { life, ask, state } = core;
	const split = splitting(core);
	const before = word("‹", { "aria-label": "previous position" });
	const after = word("›", { "aria-label": "next position" });
	const label = h("span", { role: "status" });
	const group = { class: "iw-picker", role: "group", "aria-label": "position" };
	const follow = tick(life, "follow selected token", () =>
		split({ follow: !state().payload?.follow }),
	);
	const move = (by: number, button: HTMLElement) => {
		const { payload } = state();
		if (!payload || isDisabled(button)) return;
		const pos = clamp(payload.pos + by, 0, payload.tokens.length - 1);
		void ask("position", { run: payload.run, pos });
	};
	life.on(before, "click", () => move(-1, before));
	life.on(after, "click", () => move(1, after));
	return {
		node: h(
			"span",
			{ class: "iw-at-position" },
			h("span", group, before, label, after),
			follow.node,
		),
		show({ payload, status, offline }: State) {
			if (!payload) return;
			const token = payload.tokens[payload.pos];
			const none = !status.can_rerun || offline;
			const why = none ? "it needs a kernel and one more run" : "one more run each time";
			label.textContent = `after ${payload.pos} ${token ? tokenText(token) : ""}`;
			set(before, { "aria-disabled": String(none || payload.pos <= 0), title: why });
			const last = payload.pos >= payload.tokens.length - 1;
			set(after, { "aria-disabled": String(none || last), title: why });
			follow.show(payload.follow, none, why);
		},
	};
}
