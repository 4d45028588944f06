import type { AnyModel, RenderProps } from "@anywidget/types";
import { h } from "./dom";
import { type Life, makeLife } from "./life";
import { makeRpc, type Rpc } from "./rpc";

type Traits = Record<string, unknown>;

export interface Mounted<T extends Traits> {
	model: AnyModel<T>;
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	/** Listens to a trait until the view goes. */
	onTrait<K extends keyof T & string>(name: K, handler: (value: T[K]) => void): void;
	/** Says in the cell what failed, and tells Python. */
	fail(error: unknown): void;
	/** Takes the failure away again. */
	recovered(): void;
}

/** A `render` whose every listener, timer and style ends with the view, in hosts old and new. */
export function mount<T extends Traits>(name: string, view: (mounted: Mounted<T>) => void) {
	return ({
		model,
		el,
		signal,
	}: Pick<RenderProps<T>, "model" | "el"> & { signal?: AbortSignal }) => {
		const lifetime = new AbortController();
		const failure = h("div", { class: "iw-fail", role: "alert" });
		const root = h("div", { class: `iw iw-${name}`, "data-iw": name });
		el.append(root);
		const fail = (error: unknown) => {
			const message = error instanceof Error ? error.message : String(error);
			const text = `✕ ${name}: ${message}`;
			if (failure.textContent === text && failure.isConnected) return;
			failure.textContent = text;
			root.prepend(failure);
			rpc.request("report", { message: text });
		};
		const life = makeLife(lifetime.signal, fail);
		const rpc = makeRpc(model, life);
		life.end(() => root.remove());
		const recovered = () => failure.remove();
		const onTrait: Mounted<T>["onTrait"] = (name, handler) => {
			const listener = life.guard(() => handler(model.get(name)));
			model.on(`change:${name}`, listener);
			life.end(() => model.off(`change:${name}`, listener));
		};
		life.guard(view)({ model, root, life, rpc, fail, recovered, onTrait });
		const cleanUp = () => lifetime.abort();
		signal?.addEventListener("abort", cleanUp, { once: true, signal: lifetime.signal });
		return cleanUp;
	};
}

/** Hides static copies of this view elsewhere in the page, for as long as it is live. */
export function hideStaticCopies(viewId: string, life: Life): void {
	if (!/^[\w.:-]+$/.test(viewId)) return;
	const copy = `[data-iw-view="${viewId}"]`;
	const output = `.jp-OutputArea-child:has(${copy}):not(:has([data-iw]))`;
	const style = h("style", {}, `${copy},${output}{display:none!important}`);
	document.head.append(style);
	life.end(() => style.remove());
}
