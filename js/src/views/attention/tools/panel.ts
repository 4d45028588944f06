import { word } from "../../../shared/dom";
import type { Life } from "../../../shared/life";
import type { Scene } from "../scene";
import type { Core } from "../view";
import { reset } from "./selecting";
import { asTsv } from "./table";

/** The ⋯ panel. */
export function makePanel({ chrome, life, acts, state }: Core, scene: () => Scene | null) {
	const table = word("table", { title: "the selected row as a table (T)" });
	const copy = word("copy values");
	const back = word("reset", { title: "first selection, whole map" });
	chrome.panel.replaceChildren(table, copy, back);
	life.on(table, "click", () => acts.set({ tableOpen: !state().tableOpen }));
	life.on(back, "click", () => acts.set(reset(state())));
	life.on(copy, "click", () => {
		const now = scene();
		void toClipboard(copy, life, now && asTsv(now));
	});
}

/** Copies a text, and says on the word that was clicked how it went. */
export async function toClipboard(on: HTMLElement, life: Life, text: string | null): Promise<void> {
	const before = on.textContent;
	const say = (words: string) => {
		on.textContent = words;
		life.after(2_000, () => {
			on.textContent = before;
		});
	};
	if (text === null) return say("not loaded yet");
	try {
		await navigator.clipboard.writeText(text);
		say("copied");
	} catch {
		say("the browser does not allow copying here");
	}
}
