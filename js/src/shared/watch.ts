import type { Life } from "./life";
import { currentTheme } from "./theme";

const SETTLE_MS = 300; // JupyterLab marks the theme first and loads its colours after

/** Keeps `data-theme` on the root right, and says when it changes. */
export function watchTheme(root: HTMLElement, life: Life, changed: () => void): void {
	const update = () => {
		const theme = currentTheme(root);
		if (root.dataset.theme === theme) return;
		root.dataset.theme = theme;
		changed();
	};
	const soon = () => {
		update();
		life.after(SETTLE_MS, update);
	};
	const attributeFilter = ["class", "style", "theme", "data-theme", "data-jp-theme-light"];
	const observer = new MutationObserver(life.guard(soon));
	for (const node of [document.documentElement, document.body])
		observer.observe(node, { attributes: true, attributeFilter });
	life.end(() => observer.disconnect());
	life.on(matchMedia("(prefers-color-scheme: dark)"), "change", soon);
	soon();
}
