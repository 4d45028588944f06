import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeLife } from "../src/shared/life";
import { loadPart } from "../src/shared/parts";
import { makeRpc } from "../src/shared/rpc";
import { fakeModel } from "./fake";

const page = globalThis as unknown as Record<symbol, Promise<unknown> | undefined>;
const key = Symbol.for("interpwidgets.part.test.tools");

function asking() {
	const model = fakeModel({});
	const end = new AbortController();
	const life = makeLife(end.signal, () => {});
	return { model, end, at: { life, rpc: makeRpc(model.as(), life) } };
}

const parts = (model: ReturnType<typeof fakeModel>) =>
	model.sent.filter(({ kind }) => kind === "part").length;

describe("the second part of a view", () => {
	beforeEach(() => {
		vi.useFakeTimers();
		delete page[key];
	});
	afterEach(() => {
		vi.useRealTimers();
		delete page[key];
	});

	it("is fetched once a page", async () => {
		const [a, b] = [asking(), asking()];
		void loadPart("tools", a.at);
		void loadPart("tools", b.at);
		expect([parts(a.model), parts(b.model)]).toEqual([1, 0]);
		expect(a.model.sent[0]).toMatchObject({ kind: "part", name: "tools" });
	});
	it("is what the page holds already", async () => {
		page[key] = Promise.resolve("tools");
		const { model, at } = asking();
		expect(await loadPart("tools", at)).toBe("tools");
		expect(model.sent).toEqual([]);
	});
	it("is asked for by another view when the one that asked is gone", async () => {
		const [a, b] = [asking(), asking()];
		const lost = loadPart("tools", a.at).catch(() => "gone");
		void loadPart("tools", b.at);
		a.end.abort();
		expect(await lost).toBe("gone");
		await vi.advanceTimersByTimeAsync(0);
		expect(parts(b.model)).toBe(1);
	});
	it("may be asked for again after a failure", async () => {
		const { model, at } = asking();
		const first = loadPart("tools", at).catch(() => "failed");
		const error = { code: "BundleError", message: "" };
		model.emit("msg:custom", { id: model.sent[0]?.id, ok: false, error });
		expect(await first).toBe("failed");
		void loadPart("tools", at);
		expect(parts(model)).toBe(2);
	});
	it("is waited for while a kernel is busy", async () => {
		const { at } = asking();
		const done = vi.fn();
		void loadPart("tools", at).catch(done);
		await vi.advanceTimersByTimeAsync(600_000);
		expect(done).not.toHaveBeenCalled();
	});
});
