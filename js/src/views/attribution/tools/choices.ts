import { choice, type Named } from "../../../shared/controls";
import { integer } from "../../../shared/format";
import { makePromptPicker } from "../../../shared/prompts";
import { chosenBy } from "../entries";
import type { State } from "../state";
import type { Core, Scene } from "../view";

/** How Python is asked for other numbers of the same prompts. */
export function splitting({ ask, state }: Core) {
	return (change: { by?: string; mean?: boolean; follow?: boolean }) => {
		const { payload } = state();
		if (!payload) return;
		const { mean, follow } = payload;
		// one prompt is no mean, but the next run may bring several
		const now = { by: chosenBy(state()), mean: mean || payload.prompt_count === 1, follow };
		return ask("split", { ...now, ...change });
	};
}

/** What a breakdown that is not held needs, as far as this page can have it. */
export function breakdownsOf({ payload, status, offline }: State): Named[] {
	const none = !status.can_rerun || offline;
	return (payload?.breakdowns ?? []).map(({ name, title, why }) => ({
		...{ name, title },
		why: why === "run" && none ? "not in these numbers; it needs a kernel and one more run" : why,
	}));
}

/** The tools of the title line: the breakdown, and which prompts. */
export function makeChoices(core: Core): (state: State, scene: Scene | null) => void {
	const { chrome, life, dispatch, state } = core;
	const split = splitting(core);
	const breakdown = choice(life, "breakdown", (by) => {
		const held = state().payload?.bars.some((bars) => bars.by === by);
		if (held) dispatch({ type: "by", by });
		else void split({ by });
	});
	const which = choice(life, "prompts", (name) => void split({ mean: name === "mean" }));
	chrome.tools.append(breakdown.node, which.node);
	const drawPrompts = makePromptPicker(core, "prompt");
	return (now, scene) => {
		const { payload } = now;
		breakdown.node.hidden = which.node.hidden = !scene;
		if (!payload || !scene) return;
		breakdown.show(breakdownsOf(now), scene.by);
		const several = payload.prompt_count > 1;
		which.node.hidden = !several;
		const all = `mean of ${integer(payload.prompt_count)}`;
		const names = [
			{ name: "mean", title: all },
			{ name: "one", title: "one" },
		];
		which.show(names, payload.mean ? "mean" : "one", 2, now.offline);
		drawPrompts(several && !payload.mean ? payload : null);
	};
}
