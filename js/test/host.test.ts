import { describe, expect, it, vi } from "vitest";
import { SavedModel } from "../src/host/model";
import { mountAll, restore } from "../src/host/page";

describe("a saved view", () => {
	it("gets its buffers back where they were", () => {
		const traits = restore({ payload: { thumbs: {}, details: [{ tensor: {} }] } }, [
			{ path: ["payload", "details", 0, "tensor", "data"], data: btoa("\x01\x02") },
		]);
		expect(traits).toMatchObject({
			payload: { details: [{ tensor: { data: expect.any(DataView) } }] },
		});
	});
	it("fires changes on saving only", () => {
		const model = new SavedModel({ kept: null });
		const heard = vi.fn();
		model.on("change:kept", heard);
		model.set("kept", { zoom: null });
		expect(heard).not.toHaveBeenCalled();
		model.save_changes();
		expect(heard).toHaveBeenCalledOnce();
	});
	it("answers every request, later, with no-kernel", async () => {
		const model = new SavedModel({});
		const answer = new Promise((resolve) => model.on("msg:custom", resolve));
		model.send({ id: "a" });
		expect(await answer).toMatchObject({ id: "a", ok: false, error: { code: "no-kernel" } });
	});
	it("answers with the page's own code", async () => {
		const model = new SavedModel({}, { tools: "export default 1" });
		const answer = new Promise<unknown[]>((resolve) =>
			model.on("msg:custom", (...all) => resolve(all)),
		);
		model.send({ id: "a", kind: "part", name: "tools" });
		const [message, buffers] = await answer;
		expect(message).toEqual({ id: "a", ok: true });
		expect(new TextDecoder().decode(Object(buffers)[0])).toBe("export default 1");
	});
	it("says in its place why it cannot be shown", async () => {
		document.body.innerHTML = '<div class="iw-mount" data-iw-key="k">the static copy</div>';
		await mountAll({ views: {}, modules: {} });
		expect(document.body.textContent).toBe("✕ the page lacks the data of kthe static copy");
	});
});
