import type { AnyModel } from "@anywidget/types";
import type { Bytes } from "../contract.gen";
import type { Life } from "./life";

export type Answer<T> =
	| { ok: true; body: T; buffers: Bytes[] }
	| { ok: false; code: string; message: string };

export interface Rpc {
	/** Never rejects. `check` says whether the answer has the shape that was asked for. */
	request<T>(
		kind: string,
		fields: Record<string, unknown>,
		check: (body: unknown) => body is T,
		onWaiting?: () => void,
	): Promise<Answer<T>>;
}

/** The check of an answer that says no more than that the request was heard. */
export const heard = (_body: unknown): _body is unknown => true;

const WAITING_MS = 1_000;
const TIMEOUT_MS = 20_000;

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Settle = (message: Record<string, unknown>, buffers: Bytes[]) => void;

export function makeRpc<M extends Record<string, unknown>>(model: AnyModel<M>, life: Life): Rpc {
	const open = new Map<string, Settle>();
	const prefix = Math.random().toString(36).slice(2); // two views of one model hear each other's answers
	let count = 0;
	const listener = life.guard((message: unknown, buffers: Bytes[] = []) => {
		if (isRecord(message) && typeof message.id === "string")
			open.get(message.id)?.(message, buffers);
	});
	model.on("msg:custom", listener);
	life.end(() => {
		model.off("msg:custom", listener);
		open.clear();
	});

	function request<T>(
		kind: string,
		fields: Record<string, unknown>,
		check: (body: unknown) => body is T,
		onWaiting?: () => void,
	): Promise<Answer<T>> {
		const id = `${prefix}-${count++}`;
		return new Promise((resolve) => {
			const timers = [
				life.after(TIMEOUT_MS, () => finish(failed("timeout", "no answer from the kernel"))),
			];
			if (onWaiting) timers.push(life.after(WAITING_MS, onWaiting));
			const finish = (answer: Answer<T>) => {
				open.delete(id);
				for (const cancel of timers) cancel();
				resolve(answer);
			};
			open.set(id, (message, buffers) => finish(judge(message, buffers, check)));
			try {
				model.send({ id, kind, ...fields });
			} catch {
				finish(failed("no-kernel", "no kernel"));
			}
		});
	}
	return { request };
}

function failed(code: string, message: string): Answer<never> {
	return { ok: false, code, message };
}

function judge<T>(
	message: Record<string, unknown>,
	buffers: Bytes[],
	check: (body: unknown) => body is T,
): Answer<T> {
	const body: unknown = message;
	if (message.ok === true && check(body)) return { ok: true, body, buffers };
	const error = message.error;
	if (message.ok === false && isRecord(error))
		return failed(String(error.code), String(error.message));
	return failed("bad-answer", "the kernel's answer does not have the expected form");
}
