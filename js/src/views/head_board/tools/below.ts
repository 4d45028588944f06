import { choice } from "../../../shared/controls";
import { h, isDisabled, set, word } from "../../../shared/dom";
import { integer, plural } from "../../../shared/format";
import type { Scene } from "../scene";
import { type Mode, ticked } from "../state";
import { tickable } from "../table";
import type { Core } from "../view";

const MODES = [
	{ name: "zero", title: "zero" },
	{ name: "mean", title: "mean" },
];

/** Under the table: how ticked heads are ablated, and each head alone. */
export function makeBelow({ heads, life, acts, ask, state }: Core): (scene: Scene) => void {
	const modes = choice(life, "ablation", (name) => {
		const mode = name as Mode;
		acts.set({ mode });
		const on = ticked(state());
		if (on.length) void ask("ablate", { heads: on.map((head) => [...head]), mode });
	});
	const every = word("ablate each head alone", { class: "iw-t iw-act" });
	const cancel = word("cancel", { class: "iw-t iw-act" });
	const said = h("span", { class: "iw-dim" });
	heads.below.append(h("span", {}, "ablation"), modes.node, every, cancel, said);
	life.on(every, "click", () => !isDisabled(every) && void ask("sweep", { mode: state().mode }));
	life.on(cancel, "click", () => void ask("cancel"));
	return (scene) => {
		const { state: now, numbers, payload } = scene;
		const why = tickable(scene);
		const column = numbers.column("ablation");
		const done = column ? column.values.filter(Number.isFinite).length : 0;
		const count = payload.layers.length * payload.heads;
		const same = column?.info.title.startsWith(now.mode) ?? false;
		const running = now.status.kind === "running";
		modes.show(MODES, now.mode, 2, why !== "");
		every.hidden = running || (same && done === count);
		every.textContent = same && done ? "go on with the others" : "ablate each head alone";
		const forwards = plural(same ? count - done : count, "forward");
		set(every, { "aria-disabled": String(why !== ""), title: why || forwards });
		cancel.hidden = !running || now.offline;
		said.textContent = same && done < count ? `${integer(done)} of ${plural(count, "head")}` : "";
	};
}
