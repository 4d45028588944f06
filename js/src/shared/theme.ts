export type Theme = "light" | "dark";

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
