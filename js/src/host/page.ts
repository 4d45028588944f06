import { h } from "../shared/dom";
import { isRecord } from "../shared/rpc";
import { SavedModel } from "./model";

type Render = (props: { model: SavedModel; el: HTMLElement; signal: AbortSignal }) => unknown;

function fromBase64(text: string): DataView {
	return new DataView(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer);
}

/** Puts saved buffers back where they were taken from. */
export function restore(
	traits: Record<string, unknown>,
	buffers: unknown,
): Record<string, unknown> {
	for (const saved of Array.isArray(buffers) ? buffers : []) {
		if (!isRecord(saved) || !Array.isArray(saved.path)) continue;
		const path = saved.path.map(String);
		const name = path.pop();
		let at: unknown = traits;
		for (const step of path) at = Reflect.get(Object(at), step);
		if (name !== undefined && typeof at === "object" && at !== null) {
			Reflect.set(at, name, fromBase64(String(saved.data)));
		}
	}
	return traits;
}

async function load(source: unknown): Promise<Render> {
	if (!isRecord(source)) throw new Error("the page lacks the code of this view");
	if (source.css) document.head.append(h("style", {}, String(source.css)));
	const url = URL.createObjectURL(new Blob([String(source.esm)], { type: "text/javascript" }));
	try {
		const module: { default: { render: Render } } = await import(url);
		return module.default.render;
	} finally {
		URL.revokeObjectURL(url);
	}
}

/** Mounts each saved view in every place that names it; a failure is said in its place. */
export async function mountAll(page: Record<string, unknown>): Promise<void> {
	const views = isRecord(page.views) ? page.views : {};
	const modules = isRecord(page.modules) ? page.modules : {};
	const loaded = new Map<string, Promise<Render>>();
	const models = new Map<string, SavedModel>();
	const renderer = (widget: string) => {
		const render = loaded.get(widget) ?? load(modules[widget]);
		loaded.set(widget, render);
		return render;
	};
	const mountOne = async (el: HTMLElement) => {
		const key = el.dataset.iwKey ?? "";
		const saved = views[key];
		if (!isRecord(saved) || !isRecord(saved.traits))
			throw new Error(`the page lacks the data of ${key}`);
		const code = modules[String(saved.widget)];
		const parts = isRecord(code) && isRecord(code.parts) ? code.parts : {};
		const model = models.get(key) ?? new SavedModel(restore(saved.traits, saved.buffers), parts);
		models.set(key, model);
		const render = await renderer(String(saved.widget));
		await render({ model, el, signal: new AbortController().signal });
	};
	const mounts = [...document.querySelectorAll<HTMLElement>(".iw-mount[data-iw-key]")];
	await Promise.all(
		mounts.map((el) =>
			mountOne(el).catch((error: unknown) => {
				const text = `✕ ${error instanceof Error ? error.message : String(error)}`;
				el.prepend(h("p", { role: "alert" }, text)); // what stands there is the static copy
			}),
		),
	);
}
