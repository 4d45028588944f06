import { toClipboard } from "../../../shared/clipboard";
import { row, tick } from "../../../shared/controls";
import { h, set, word } from "../../../shared/dom";
import { pictureFiles } from "../../../shared/take";
import type { Scene } from "../scene";
import { headAt, headName, type State } from "../state";
import type { Core } from "../view";

/** The ⋯ panel. */
export function makePanel(core: Core, scene: () => Scene | null): (state: State) => void {
	const { chrome, life, acts, ask, setLinks, state } = core;
	const table = tick(life, "all pairs", () => acts.set({ tableOpen: !state().tableOpen }));
	const copy = word("copy values", { title: "one line a head, tab-separated" });
	const code = word("copy as code", { title: "the Python that makes this view" });
	const link = word("linked", { title: "share the selection with the other views" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("view", table.node, link),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	let home = "";
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
	return ({ links, tableOpen, payload }) => {
		from.textContent = payload?.stamp.full ?? "";
		home = links.group || home;
		set(link, { "aria-pressed": String(links.group !== ""), hidden: !home });
		table.show(tableOpen, !payload?.composition);
	};
}

/** The table's heads in its order, tab-separated. */
export function asTsv({ payload, numbers, order }: Scene): string {
	const names = numbers.columns.map(({ info }) => info.name);
	const lines = order.map((place) => {
		const values = numbers.columns.map(({ values }) =>
			Number((values[place] ?? Number.NaN).toPrecision(5)),
		);
		return [headName(headAt(payload, place)), ...values].join("\t");
	});
	return [["head", ...names].join("\t"), ...lines].join("\n");
}
