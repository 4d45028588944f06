type Child = Node | string | null | false;
type Attrs = Record<string, string | number | boolean | null>;

const SVG = "http://www.w3.org/2000/svg";

/** Attributes: `false` and `null` leave one out, `true` sets it empty; `style` works under a strict CSP. */
export function set(element: HTMLElement | SVGElement, attrs: Attrs): void {
	for (const [name, value] of Object.entries(attrs)) {
		if (name === "style") element.style.cssText = String(value ?? "");
		else if (value === null || value === false) element.removeAttribute(name);
		else element.setAttribute(name, value === true ? "" : String(value));
	}
}

function fill<E extends HTMLElement | SVGElement>(element: E, attrs: Attrs, children: Child[]): E {
	set(element, attrs);
	for (const child of children) if (child || child === "") element.append(child);
	return element;
}

export function h<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	attrs: Attrs = {},
	...children: Child[]
): HTMLElementTagNameMap[K] {
	return fill(document.createElement(tag), attrs, children);
}

/** A division of the look: its class is `iw-` and the name. */
export const div = (name: string, ...children: Child[]): HTMLDivElement =>
	h("div", { class: `iw-${name}` }, ...children);

export function s<K extends keyof SVGElementTagNameMap>(
	tag: K,
	attrs: Attrs = {},
	...children: Child[]
): SVGElementTagNameMap[K] {
	return fill(document.createElementNS(SVG, tag), attrs, children);
}

/** A word that acts when clicked. */
export function word(text: string, attrs: Attrs = {}): HTMLButtonElement {
	return h("button", { type: "button", class: "iw-t", ...attrs }, text);
}

/** A control that cannot be used stays legible, and keeps the focus. */
export const isDisabled = (element: Element): boolean =>
	element.getAttribute("aria-disabled") === "true";

/** Runs `work` only when one of `deps` is another value than last time. */
export function memo(): (deps: readonly unknown[], work: () => void) => void {
	let last: readonly unknown[] | null = null;
	return (deps, work) => {
		const known = last;
		if (known?.length === deps.length && deps.every((dep, i) => Object.is(dep, known[i]))) return;
		last = deps;
		work();
	};
}
