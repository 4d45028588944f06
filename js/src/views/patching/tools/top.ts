import type { WirePatchGrid } from "../../../contract.gen";
import { legend } from "../../../shared/chrome";
import { choice, tick } from "../../../shared/controls";
import { h, memo } from "../../../shared/dom";
import type { Scene } from "../scene";
import type { Core } from "../view";
import { metricName } from "./words";

/** Which of several grids, and whether only what leaves its control. */
export function makeSites({ chrome, life, dispatch, state }: Core): (scene: Scene) => void {
	const sites = choice(life, "what is patched", (name) => {
		const at = state().payload?.grids.findIndex((one) => one.name === name) ?? 0;
		dispatch({ type: "grid", grid: at });
	});
	const beyond = tick(life, "only beyond control", () =>
		dispatch({ type: "toggle", what: "beyond" }),
	);
	beyond.node.classList.add("iw-pt-quick");
	chrome.tools.append(sites.node, beyond.node);
	return ({ state: now, grid }) => {
		const grids = now.payload?.grids ?? [];
		sites.node.hidden = grids.length < 2;
		sites.show(
			grids.map(({ name, title }) => ({ name, title })),
			grid.name,
		);
		const why = grid.control ? "" : "no control yet";
		beyond.show(now.beyond && !why, why !== "", why);
	};
}

/** The ramp with its ends, and what has no colour. */
export function makeScale({ scale }: Core): (scene: Scene) => void {
	const onGrid = memo();
	return ({ grid }) => onGrid([grid], () => scale.replaceChildren(...scaleOf(grid)));
}

function scaleOf(grid: WirePatchGrid): Node[] {
	const metric = metricName(grid);
	const denoising = grid.direction === "denoising";
	const what = denoising ? `share of ${metric} restored` : `change of ${metric}, as a share`;
	const key = (name: string, words: string) =>
		h("span", { class: "iw-leg" }, h("i", { class: `${name} iw-pt-key` }), words);
	return [
		legend("−1", "1", what, true),
		...(grid.left ? [key("iw-hatch", "not run")] : []),
		...(grid.alone.length ? [key("iw-pt-bare", "no partner")] : []),
	];
}
