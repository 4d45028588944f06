import { afterEach, describe, expect, it } from "vitest";
import { makeLife } from "../src/shared/life";
import { currentTheme } from "../src/shared/theme";
import { watchTheme } from "../src/shared/watch";

function root(background = ""): HTMLElement {
	const outer = document.createElement("div");
	const inner = document.createElement("div");
	outer.style.backgroundColor = background;
	outer.append(inner);
	document.body.append(outer);
	return inner;
}

afterEach(() => {
	document.body.replaceChildren();
	delete document.body.dataset.jpThemeLight;
	document.documentElement.removeAttribute("theme");
});

describe("the theme", () => {
	it("is that of the nearest opaque background", () => {
		expect(currentTheme(root("rgb(17, 17, 17)"))).toBe("dark");
		expect(currentTheme(root("rgba(0, 0, 0, 0.1)"))).toBe("light");
	});
	it("is JupyterLab's word where nothing is opaque", () => {
		document.body.dataset.jpThemeLight = "false";
		expect(currentTheme(root())).toBe("dark");
	});
	it("is Colab's word where nothing is opaque", () => {
		document.documentElement.setAttribute("theme", "dark");
		expect(currentTheme(root())).toBe("dark");
	});
	it("is marked on the root", () => {
		const end = new AbortController();
		const view = root("rgb(17, 17, 17)");
		watchTheme(
			view,
			makeLife(end.signal, () => {}),
			() => {},
		);
		end.abort();
		expect(view.dataset.theme).toBe("dark");
	});
});
