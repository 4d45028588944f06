import { toClipboard } from "../../../shared/clipboard";
import { row } from "../../../shared/controls";
import { h, memo, word } from "../../../shared/dom";
import { inCell } from "../../../shared/format";
import { drawStatus } from "../../../shared/status";
import { pictureFiles } from "../../../shared/take";
import { watchTheme } from "../../../shared/watch";
import type { Core, Scene, Tools } from "../scene";

declare const __BUILD__: string;
export const build = __BUILD__;

/** The numbers, for a spreadsheet. */
function asTsv({ payload, values }: Scene): string {
	const width = payload.columns.length;
	const lines = payload.rows.map((name, r) =>
		[name, ...values.slice(r * width, (r + 1) * width)].join("\t"),
	);
	return [["", ...payload.columns].join("\t"), ...lines].join("\n");
}

function tableOf({ payload, values }: Scene): HTMLElement {
	const { rows, columns } = payload;
	const head = h("tr", {}, h("th", {}, ""), ...columns.map((name) => h("th", {}, name)));
	const body = rows.map((name, r) => {
		const cells = columns.map((_, c) =>
			h("td", {}, inCell(values[r * columns.length + c] as number)),
		);
		return h("tr", {}, h("th", {}, name), ...cells);
	});
	return h("table", {}, head, ...body);
}

/** The ⋯ panel, the table, states and keys. */
export default function makeTools(core: Core): Tools {
	const { root, life, rpc, chrome, table, keep, kept, scene, redraw } = core;
	const tableWord = word("table", { title: "the numbers as a table (T)" });
	const copy = word("copy values");
	const code = word("copy as code", { title: "the Python that makes this view" });
	const from = h("span", { class: "iw-dim iw-from" });
	chrome.panel.replaceChildren(
		row("view", tableWord),
		row("take away", copy, code, ...pictureFiles(core)),
		row("from", from),
	);
	const toggle = () => keep({ table_open: !kept().table_open });
	life.on(tableWord, "click", toggle);
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && asTsv(now));
	});
	life.on(code, "click", async () => {
		const answer = await rpc.request("code", {});
		const text = answer.ok ? String(answer.body.code) : scene()?.payload.code;
		await toClipboard(code, life, text ?? null);
	});
	life.on(root, "keydown", (event) => {
		const plain = !(event.ctrlKey || event.metaKey || event.altKey);
		if (plain && (event.key === "t" || event.key === "T")) toggle();
	});
	watchTheme(root, life, redraw);
	root.dataset.tools = "1";
	const onTable = memo();

	return {
		draw(now, status) {
			drawStatus(chrome, status, now !== null);
			table.hidden = !now || !kept().table_open;
			if (!now) return;
			from.textContent = now.payload.stamp.full ?? "";
			onTable([now.payload], () => table.replaceChildren(tableOf(now)));
		},
	};
}
