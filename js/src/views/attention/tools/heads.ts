import { div, h, memo, set } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { headName, type Scene } from "../scene";
import type { Core } from "../view";
import { scoreIn, scoreOf } from "./words";

/** What the thumbnails say beside their picture. */
export function makeHeadNames({ thumbs, root }: Core): (scene: Scene) => void {
	const onCells = memo();
	const onHead = memo();
	/** A hairline over the columns whose heads share their keys and values. */
	function bracket({ payload: { kv_groups: size = 1, heads } }: Scene): void {
		for (const old of thumbs.grid.querySelectorAll(".iw-shared")) old.remove();
		if (size < 2 || !thumbs.grid.querySelector("[data-name]")) return;
		for (let i = 0; i < heads.length; i += size) {
			const title = `H${heads[i]}–H${heads[Math.min(i + size, heads.length) - 1]} share keys and values`;
			const line = div("shared");
			set(line, {
				title,
				style: `grid-row:1;grid-column:${i + 2}/span ${Math.min(size, heads.length - i)}`,
			});
			thumbs.grid.append(line);
		}
	}

	return (scene) => {
		const { payload, head } = scene;
		const cells = thumbs.cells();
		const score = scoreOf(scene);
		onCells([cells, score], () => {
			const sorted = !thumbs.grid.querySelector("[data-name]");
			const numbers = score?.values.flat().map((value) => Math.abs(value ?? 0)) ?? [];
			const most = Math.max(1e-9, ...numbers);
			for (const { id, node } of cells.flat()) {
				const value = scoreIn(score, payload, id);
				const from = payload.layer_runs[payload.layers.indexOf(id[0])] ?? null;
				const late = from === null ? "not run" : from !== payload.run && `stale, from run ${from}`;
				const rated = score && value !== null && `${score.title} ${weight(value)}`;
				const name = [headName(id), rated, late].filter(Boolean).join(", ");
				set(node, { title: name, "aria-label": name });
				const share = Math.abs(value ?? 0) / most;
				const bar = h("i", { class: "iw-score", style: `width:${100 * share}%` });
				const own = sorted ? h("small", {}, id.join(".")) : "";
				node.replaceChildren(own, score && share > 0.02 ? bar : "");
			}
			bracket(scene);
		});
		onHead([cells, head], () => {
			const focused = cells.flat().some(({ node }) => node === root.ownerDocument.activeElement);
			for (const { id, node } of cells.flat())
				if (!focused) node.tabIndex = String(id) === String(head) ? 0 : -1;
			const names = head ? [`L${head[0]}`, `H${head[1]}`] : [];
			for (const label of thumbs.grid.querySelectorAll<HTMLElement>("[data-name]"))
				label.classList.toggle("iw-b", names.includes(label.dataset.name ?? ""));
			const size = `${payload.layers.length} layers × ${payload.heads.length} heads`;
			const large = head ? `; ${headName(head)} is drawn large` : "";
			set(thumbs.grid, { "aria-label": `attention heads, ${size}${large}` });
		});
	};
}
