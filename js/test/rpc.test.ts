import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeLife } from "../src/shared/life";
import { makeRpc } from "../src/shared/rpc";
import { fakeModel } from "./fake";

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
		const answer = rpc.request("head", { run: 1 });
		const buffer = new DataView(new ArrayBuffer(1));
		model.emit("msg:custom", { id: id(), ok: true, value: 1 }, [buffer]);
		expect(model.sent[0]).toMatchObject({ kind: "head", run: 1 });
		expect(await answer).toMatchObject({ ok: true, buffers: [buffer] });
	});
	it("ignores other ids, then says the kernel does not answer", async () => {
		const { model, rpc } = setUp();
		const answer = rpc.request("head", {});
		model.emit("msg:custom", { id: "other", ok: true, value: 1 });
		vi.advanceTimersByTime(20_000);
		expect(await answer).toEqual({
			ok: false,
			code: "timeout",
			message: "no answer from the kernel",
		});
	});
	it("hands an error on", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("head", {});
		model.emit("msg:custom", { id: id(), ok: false, error: { code: "stale-run", message: "m" } });
		expect(await answer).toEqual({ ok: false, code: "stale-run", message: "m" });
	});
	it("takes an answer that is neither for a failure", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("head", {});
		model.emit("msg:custom", { id: id(), ok: "yes" });
		expect(await answer).toMatchObject({ ok: false });
	});
	it("waits as long as it is told to", async () => {
		const { model, rpc, id } = setUp();
		const answer = rpc.request("part", {}, 60_000);
		vi.advanceTimersByTime(59_000);
		model.emit("msg:custom", { id: id(), ok: true });
		expect(await answer).toMatchObject({ ok: true });
	});
	it("says there is no kernel where nothing can be sent", async () => {
		const { model, rpc } = setUp();
		model.send = () => {
			throw new Error("comm is closed");
		};
		expect(await rpc.request("head", {})).toMatchObject({ code: "no-kernel" });
	});
	it("leaves no timer behind", () => {
		const { rpc, end } = setUp();
		void rpc.request("head", {});
		end.abort();
		expect(vi.getTimerCount()).toBe(0);
	});
});
