import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeLife } from "../src/shared/life";
import { makeRpc } from "../src/shared/rpc";
import { fakeModel } from "./fake";

const hasValue = (body: unknown): body is { value: number } => Object(body).value === 1;

function setUp() {
	const model = fakeModel({});
	const end = new AbortController();
	const rpc = makeRpc(
		model.as(),
		makeLife(end.signal, () => {}),
	);
	return { model, rpc, end, id: () => model.sent.at(-1)?.id };
}

describe("a request", () => {
	beforeEach(() => void vi.useFakeTimers());
	afterEach(() => void vi.useRealTimers());

	it("is answered by the message with its id, buffers included", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("head", { run: 1 }, hasValue);
		const buffer = new DataView(new ArrayBuffer(1));
		model.emit("msg:custom", { id: id(), ok: true, value: 1 }, [buffer]);
		expect(model.sent[0]).toMatchObject({ kind: "head", run: 1 });
		expect(await answer).toMatchObject({ ok: true, buffers: [buffer] });
	});
	it("ignores other ids, then says the kernel does not answer", async () => {
		const { model, rpc } = setUp();
		const waiting = vi.fn();
		const answer = rpc.request("head", {}, hasValue, waiting);
		model.emit("msg:custom", { id: "other", ok: true, value: 1 });
		vi.advanceTimersByTime(1_000);
		expect(waiting).toHaveBeenCalledOnce();
		vi.advanceTimersByTime(19_000);
		expect(await answer).toEqual({
			ok: false,
			code: "timeout",
			message: "no answer from the kernel",
		});
	});
	it("hands an error on", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("head", {}, hasValue);
		model.emit("msg:custom", { id: id(), ok: false, error: { code: "stale-run", message: "m" } });
		expect(await answer).toEqual({ ok: false, code: "stale-run", message: "m" });
	});
	it("refuses an answer of another form", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("head", {}, hasValue);
		model.emit("msg:custom", { id: id(), ok: true, value: 2 });
		expect(await answer).toMatchObject({ ok: false, code: "bad-answer" });
	});
	it("says there is no kernel where nothing can be sent", async () => {
		const { model, rpc } = setUp();
		model.send = () => {
			throw new Error("comm is closed");
		};
		expect(await rpc.request("head", {}, hasValue)).toMatchObject({ code: "no-kernel" });
	});
	it("leaves no timer behind", () => {
		const { rpc, end } = setUp();
		void rpc.request("head", {}, hasValue, () => {});
		end.abort();
		expect(vi.getTimerCount()).toBe(0);
	});
});
