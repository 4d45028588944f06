import { choice, row, tick } from "../../../shared/controls";
import { h, isDisabled, set, word } from "../../../shared/dom";
import type { Life } from "../../../shared/life";
import { pictureFiles } from "../../../shared/take";
import { headName, type Scene } from "../scene";
import type { State } from "../state";
import type { Core } from "../view";
import { reset } from "./selecting";
import { asTsv } from "./table";

/** The ⋯ panel: what is drawn, how, what is done to the model, what is taken away. */
export function makePanel(core: Core, scene: () => Scene | null): (scene: Scene) => void {
	const doing = [numbersRow(core), pictureRow(core), modelRow(core), takeRow(core, scene)];
	const rows = [...doing, fromRow()];
	core.chrome.panel.replaceChildren(...rows.map(({ node }) => node));
	return (now) => {
		for (const { draw } of rows) draw(now);
	};
}

/** What a `display` request says: all of what is shown. */
export function displayed({ payload }: State, change: object) {
	const { measure = "weight", hidden_sink = false, less = "", references = [] } = payload ?? {};
	const name = references.find((one) => one.name === less || one.title === less)?.name ?? "";
	return { measure, hide_sink: hidden_sink, less: name, ...change };
}

function numbersRow({ life, ask, state, chrome }: Core) {
	const show = (change: object) => void ask("display", displayed(state(), change));
	const measure = choice(life, "numbers", (name) => show({ measure: name }));
	const sink = tick(life, "hide first token", () =>
		show({ hide_sink: !state().payload?.hidden_sink }),
	);
	const less = choice(life, "less", (name) => show({ less: name }));
	const subtract = h(
		"span",
		{ class: "iw-tool" },
		h("span", { class: "iw-dim" }, "less"),
		less.node,
	);
	const quickly = tick(life, "hide first token", () =>
		show({ hide_sink: !state().payload?.hidden_sink }),
	);
	const valued = tick(life, "value-weighted", () =>
		show({ measure: state().payload?.measure === "value_weighted" ? "weight" : "value_weighted" }),
	);
	const quick = h("span", { class: "iw-quick" }, valued.node, quickly.node);
	chrome.tools.prepend(quick);
	const node = row("numbers", measure.node, sink.node, subtract);
	return {
		node,
		draw({ payload, state: { offline } }: Scene) {
			const { measures = [], references = [], measure: now = "weight" } = payload;
			measure.show(measures, now, measures.length, offline);
			sink.show(payload.hidden_sink ?? false, offline);
			const named = displayed({ payload } as State, {}).less;
			less.show([{ name: "", title: "nothing" }, ...references], named, 9, offline);
			subtract.hidden = references.length === 0;
			const why = measures.find(({ name }) => name === "value_weighted")?.why ?? "none";
			quick.hidden = measures.length === 0 || payload.ablated != null;
			valued.show(now === "value_weighted", offline || why !== "", why);
			quickly.show(payload.hidden_sink ?? false, offline);
		},
	};
}

function pictureRow({ life, acts, state }: Core) {
	const scales = [
		{ name: "auto", title: "scale: automatic" },
		{ name: "full", title: "full" },
		{ name: "fit", title: "fit" },
	];
	const fits: Record<string, boolean | null> = { auto: null, full: false, fit: true };
	const scale = choice(life, "scale", (name) => acts.set({ fit: fits[name] ?? null }));
	const mask = tick(life, "causal mask", () => acts.set({ unmasked: !state().unmasked }));
	const sort = tick(life, "sort by score", () => acts.set({ sorted: !state().sorted }));
	const table = tick(life, "table", () => acts.set({ tableOpen: !state().tableOpen }));
	return {
		node: row("picture", scale.node, mask.node, sort.node, table.node),
		draw({ payload, state: now }: Scene) {
			const { fit = null, unmasked = false } = now;
			scale.show(scales, fit === null ? "auto" : fit ? "fit" : "full");
			const none = payload.measure === "score" ? "masked scores are −∞" : "";
			mask.show(!unmasked, !payload.causal || none !== "", none);
			sort.show(now.sorted ?? false, !payload.head_scores?.length);
			table.show(now.tableOpen);
		},
	};
}

function modelRow({ life, ask, setLinks, state }: Core) {
	const what = h("span");
	const heads = () => scene?.heads.map(([layer, head]) => [layer, head]) ?? [];
	let scene: Scene | null = null;
	let home = "";
	const ablate = (mode: string) => {
		const one = word(mode, { class: "iw-t iw-act" });
		life.on(one, "click", () => {
			if (!isDisabled(one)) void ask("ablate", { heads: heads(), mode });
		});
		return one;
	};
	const modes = [ablate("zero"), ablate("mean")];
	const undo = word("undo", { class: "iw-t iw-act", "data-act": "undo" });
	const linked = tick(life, "linked", async () => {
		const { group } = state().links;
		if (group) home = group;
		const answer = await ask("link", { linked: !group });
		if (!answer.ok && answer.code === "no-kernel" && home)
			setLinks({ group: group ? "" : home, warning: "" });
	});
	return {
		node: row("model", what, ...modes, undo, linked.node),
		draw(now: Scene) {
			scene = now;
			const { offline, links } = now.state;
			what.textContent = `ablate ${now.heads.map(headName).join(", ")}:`;
			for (const one of modes) set(one, { "aria-disabled": offline ? "true" : "false" });
			undo.hidden = !now.payload.ablated;
			set(undo, { "aria-disabled": offline ? "true" : "false" });
			linked.show(links.group !== "", offline && !links.group && !home);
		},
	};
}

function takeRow(core: Core, scene: () => Scene | null) {
	const { life, acts, state, rpc } = core;
	const copy = word("copy values");
	const code = word("copy as code");
	const back = word("reset", { title: "first selection, whole map" });
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && asTsv(now));
	});
	life.on(code, "click", async () => {
		const answer = await rpc.request("code", {});
		const saved: unknown = Reflect.get(state().payload ?? {}, "code");
		const text = answer.ok ? answer.body.code : saved;
		void toClipboard(code, life, typeof text === "string" ? text : null, "needs Run");
	});
	life.on(back, "click", () => acts.set(reset(state())));
	const files = pictureFiles(core);
	return { node: row("take away", copy, code, ...files, back), draw() {} };
}

/** All of where the numbers come from; the stamp has the most of it. */
function fromRow() {
	const text = h("span", { class: "iw-dim iw-from" });
	return {
		node: row("from", text),
		draw({ payload }: Scene) {
			text.textContent = payload.stamp.full ?? "";
		},
	};
}

/** Copies a text, and says on the word that was clicked how it went. */
async function toClipboard(
	on: HTMLElement,
	life: Life,
	text: string | null,
	none = "not loaded yet",
): Promise<void> {
	const before = on.textContent;
	const say = (words: string) => {
		on.textContent = words;
		life.after(2_000, () => {
			on.textContent = before;
		});
	};
	if (text === null) return say(none);
	try {
		await navigator.clipboard.writeText(text);
		say("copied");
	} catch {
		say("the browser does not allow copying here");
	}
}
