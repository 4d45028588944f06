import type { Life } from "./life";

export type Theme = "light" | "dark";

const SETTLE_MS = 300; // JupyterLab marks the theme first and loads its colours after

function luminance(colour: string): number | null {
	const [r, g, b, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
	if (r === undefined || g === undefined || b === undefined || alpha < 0.5) return null;
	return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

function fromBackground(start: Element): Theme | null {
	for (let at: Element | null = start; at; at = at.parentElement) {
		const value = luminance(getComputedStyle(at).backgroundColor);
		if (value !== null) return value < 0.5 ? "dark" : "light";
	}
	return null;
}

function fromMarks(): Theme | null {
	const { body, documentElement: html } = document;
	const lab = body.dataset.jpThemeLight;
	if (lab) return lab === "false" ? "dark" : "light";
	if (body.classList.contains("vscode-dark")) return "dark";
	const theme = html.getAttribute("theme") ?? html.dataset.theme;
	return theme === "dark" || theme === "light" ? theme : null;
}

export function currentTheme(root: Element): Theme {
	const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
	return fromBackground(root) ?? fromMarks() ?? preferred;
}

/** Keeps `data-theme` on the root right, and says when it changes. */
export function watchTheme(root: HTMLElement, life: Life, changed: (theme: Theme) => void): void {
	const update = () => {
		const theme = currentTheme(root);
		if (root.dataset.theme === theme) return;
		root.dataset.theme = theme;
		changed(theme);
	};
	const soon = () => {
		update();
		life.after(SETTLE_MS, update);
	};
	const attributeFilter = ["class", "style", "theme", "data-theme", "data-jp-theme-light"];
	for (const node of [document.documentElement, document.body]) {
		life.mutated(node, { attributes: true, attributeFilter }, soon);
	}
	life.on(matchMedia("(prefers-color-scheme: dark)"), "change", soon);
	soon();
}
