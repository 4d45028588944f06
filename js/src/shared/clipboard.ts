import type { Life } from "./life";

/** Copies a text, and says on the word that was clicked how it went. */
export async function toClipboard(on: HTMLElement, life: Life, text: string | null): Promise<void> {
	const before = on.textContent;
	const say = (words: string) => {
		on.textContent = words;
		life.after(2_000, () => {
			on.textContent = before;
		});
	};
	if (text === null) return say("not here yet");
	try {
		await navigator.clipboard.writeText(text);
		say("copied");
	} catch {
		say("the browser does not allow copying here");
	}
}
