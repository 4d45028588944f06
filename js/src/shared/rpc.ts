import type { AnyModel } from "@anywidget/types";
import type { Bytes } from "../contract.gen";
import type { Life } from "./life";

export type Answer =
	| { ok: true; body: Record<string, unknown>; buffers: Bytes[] }
	| { ok: false; code: string; message: string };

export interface Rpc {
	/** Never rejects; `patience` in ms. */
	request(kind: string, fields: object, patience?: number): Promise<Answer>;
}

const TIMEOUT_MS = 20_000;

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Settle = (message: Record<string, unknown>, buffers: Bytes[]) => void;

const failed = (code: unknown, message: unknown): Answer => ({
	...{ ok: false, code: String(code), message: String(message) },
});

export function makeRpc<M extends Record<string, unknown>>(model: AnyModel<M>, life: Life): Rpc {
	const open = new Map<unknown, Settle>();
	const prefix = Math.random().toString(36).slice(2); // two views of one model hear each other's answers
	const listener = life.guard((message: unknown, buffers: Bytes[] = []) => {
		if (isRecord(message)) open.get(message.id)?.(message, buffers);
	});
	model.on("msg:custom", listener);
	life.end(() => {
		model.off("msg:custom", listener);
		open.clear();
	});
	let count = 0;
	return {
		request(kind, fields, patience = TIMEOUT_MS) {
			const id = `${prefix}-${count++}`;
			return new Promise((resolve) => {
				const finish = (answer: Answer) => {
					open.delete(id);
					cancel();
					resolve(answer);
				};
				const cancel = life.after(patience, () =>
					finish(failed("timeout", "no answer from the kernel")),
				);
				open.set(id, (body, buffers) => {
					const error = isRecord(body.error) ? body.error : body;
					finish(
						body.ok === true ? { ok: true, body, buffers } : failed(error.code, error.message),
					);
				});
				try {
					model.send({ id, kind, ...fields });
				} catch {
					finish(failed("no-kernel", "no kernel"));
				}
			});
		},
	};
}
