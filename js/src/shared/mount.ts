import type { AnyModel, RenderProps } from "@anywidget/types";
import { h } from "./dom";
import { type Life, makeLife } from "./life";
import { heard, makeRpc, type Rpc } from "./rpc";

type Traits = Record<string, unknown>;

export interface Mounted<T extends Traits> {
	model: AnyModel<T>;
	root: HTMLElement;
	life: Life;
	rpc: Rpc;
	/** Listens to a trait until the view goes. */
	onTrait<K extends keyof T & string>(name: K, handler: (value: T[K]) => void): void;
	/** Writes a trait; writes of one moment travel together. */
	setTrait<K extends keyof T & string>(name: K, value: T[K]): void;
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
			rpc.request("report", { message: text }, heard);
		};
		const life = makeLife(lifetime.signal, fail);
		const rpc = makeRpc(model, life);
		life.end(() => root.remove());
		const traits = traitAccess(model, life);
		life.guard(() => {
			view({ model, root, life, rpc, fail, recovered: () => failure.remove(), ...traits });
		})();
		const cleanUp = () => lifetime.abort();
		signal?.addEventListener("abort", cleanUp, { once: true, signal: lifetime.signal });
		return cleanUp;
	};
}

function traitAccess<T extends Traits>(model: AnyModel<T>, life: Life) {
	let saving = false;
	return {
		onTrait<K extends keyof T & string>(name: K, handler: (value: T[K]) => void) {
			const listener = life.guard(() => handler(model.get(name)));
			model.on(`change:${name}`, listener);
			life.end(() => model.off(`change:${name}`, listener));
		},
		setTrait<K extends keyof T & string>(name: K, value: T[K]) {
			model.set(name, value);
			if (saving) return;
			saving = true;
			queueMicrotask(() => {
				saving = false;
				if (!life.signal.aborted) model.save_changes();
			});
		},
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
