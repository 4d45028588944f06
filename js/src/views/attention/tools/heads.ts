import { memo, set } from "../../../shared/dom";
import { weight } from "../../../shared/format";
import { headName, type Scene } from "../scene";
import type { Core } from "../view";
import { scoreIn, scoreOf } from "./words";

/** What the thumbnails say beside their picture. */
export function makeHeadNames({ thumbs, root }: Core): (scene: Scene) => void {
	const onCells = memo();
	const onHead = memo();
	return (scene) => {
		const { payload, head } = scene;
		const cells = thumbs.cells();
		const score = scoreOf(scene);
		onCells([cells, score], () => {
			for (const { id, node } of cells.flat()) {
				const value = scoreIn(score, payload, id);
				const from = payload.layer_runs[payload.layers.indexOf(id[0])] ?? null;
				const late = from === null ? "not run" : from !== payload.run && `stale, from run ${from}`;
				const rated = score && value !== null && `${score.title} ${weight(value)}`;
				const name = [headName(id), rated, late].filter(Boolean).join(", ");
				set(node, { title: name, "aria-label": name });
			}
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
