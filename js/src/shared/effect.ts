import type { Ablated, Stamp, WireEffect } from "../contract.gen";
import { h } from "./dom";
import { weight } from "./format";
import { act } from "./status";

type Content = (string | Node)[];

interface Changed {
	ablated?: Ablated | null;
	effect?: WireEffect | null;
	stamp: Stamp;
}

/** What the person did to the model, what came of it, and beside what control. */
export function changesOf({
	payload,
	offline,
}: {
	payload: Changed | null;
	offline: boolean;
}): Content {
	if (!payload) return [];
	const { ablated, effect, stamp } = payload;
	const dead = { "aria-disabled": String(offline) };
	if (!ablated) return stamp.intervened ? [stamp.intervened] : [];
	const done = `${ablated.heads.map(([layer, head]) => `L${layer} H${head}`).join(", ")} ${ablated.mode}-ablated`;
	return [done, h("span", { class: "iw-effect" }, ...effectOf(effect, dead))];
}

/** What was measured, beside its control: ink, as data are; the accent is what the person did. */
function effectOf(effect: WireEffect | null | undefined, dead: Record<string, string>): Content {
	const undo = act("undo", "undo", dead);
	if (!effect) return [" · ", undo];
	const { title, value, unit, control, note } = effect;
	const measured = h("span", { title: note }, ` · ${title} ${weight(value, 3)} ${unit} · `);
	if (!control) return [measured, "no control yet · ", act("run", "control", dead), " · ", undo];
	const range = `other heads ${weight(control.low)}–${weight(control.high)}, n = ${control.n} · `;
	return [measured, h("span", { title: control.title }, range), undo];
}
