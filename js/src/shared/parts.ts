import type { Life } from "./life";
import type { Rpc } from "./rpc";

/** Names the sources that a view's modules were built from; set by build.mjs. */
declare const __BUILD__: string;

const PATIENCE_MS = 2 ** 31 - 1; // a busy kernel answers in the end

type Asking = { rpc: Rpc; life: Life };

/** A part of a view's code, fetched once a page; every view of the kind shares it. */
export async function loadPart<T>(name: string, at: Asking): Promise<T> {
	const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
	const key = Symbol.for(`interpwidgets.part.${__BUILD__}.${name}`);
	page[key] ??= fetchPart(name, at);
	const coming = page[key];
	try {
		return (await coming) as T;
	} catch (error) {
		if (page[key] === coming) delete page[key];
		if (error || at.life.signal.aborted) throw error;
		return loadPart(name, at); // the view that asked is gone
	}
}

function fetchPart(name: string, { rpc, life }: Asking): Promise<unknown> {
	return new Promise((resolve, reject) => {
		life.end(reject.bind(null, null));
		rpc
			.request("part", { name }, PATIENCE_MS)
			.then(async (answer) => {
				if (!answer.ok) throw answer;
				const source = new Blob(answer.buffers as BlobPart[], { type: "text/javascript" });
				const url = URL.createObjectURL(source);
				try {
					const module: { default: unknown; build: string } = await import(url);
					if (module.build !== __BUILD__) throw module; // of another version
					return module.default;
				} finally {
					URL.revokeObjectURL(url);
				}
			})
			.then(resolve, reject);
	});
}
