import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Links, Selection } from "../src/contract.gen";
import { makeLife } from "../src/shared/life";
import { linkSelection, type Shown } from "../src/shared/links";
import { makeRpc } from "../src/shared/rpc";
import { fakeModel, selection } from "./fake";

const GROUP: Links = { group: "g1", warning: "" };
const ends: AbortController[] = [];

/** A view with nothing but a selection. */
function view(texts = ["a", "b", "c", "d"], links: Links | null = GROUP, layers = 12) {
	const model = fakeModel({ view_id: `v${ends.length}`, selection: selection(), links });
	const end = new AbortController();
	ends.push(end);
	const life = makeLife(end.signal, (error) => {
		throw error;
	});
	const shows: Shown[] = [];
	const mounted = {
		...{ model: model.as<never>(), life, rpc: makeRpc(model.as(), life) },
		...{ root: document.body, fail: () => {}, recovered: () => {} },
		onTrait: (name: string, handler: (value: never) => void) =>
			model.on(`change:${name}`, () => handler(model.get(name) as never)),
	};
	const linked = linkSelection(mounted, {
		texts: () => texts,
		has: ([layer]) => layer < layers,
		show: (shown) => shows.push(shown),
		links: () => {},
		told: () => {},
	});
	const edit = (tokens: number[], heads: [number, number][] = []) =>
		linked.edit(selection({ tokens, heads }));
	const answer = (ok = true, code = "") =>
		model.emit("msg:custom", { id: model.last("select")?.id, ok, error: { code, message: "" } });
	const revise = (change: Partial<Selection>) => {
		const text = (change.tokens ?? []).map((position) => texts[position] ?? "");
		model.change("selection", selection({ text, ...change }));
	};
	return { model, shows, edit, answer, revise, end: () => end.abort(), last: () => shows.at(-1) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
	for (const end of ends.splice(0)) end.abort();
	vi.useRealTimers();
});

describe("linked views", () => {
	it("show an edit at once in the others, not in the view itself", () => {
		const [a, b, other] = [view(), view(), view(undefined, { group: "g2", warning: "" })];
		const before = a.shows.length;
		a.edit([2], [[1, 3]]);
		expect(b.last()).toMatchObject({ tokens: [2], heads: [[1, 3]], lost: [] });
		expect(a.shows).toHaveLength(before);
		expect(other.last()?.tokens).toEqual([]);
		expect(a.model.last("select")).toMatchObject({ tokens: [2], heads: [[1, 3]], layer: null });
	});

	it("keep Python's revisions back while an edit is unanswered, and apply the last one", async () => {
		const [a, b] = [view(), view()];
		a.edit([2]);
		for (const one of [a, b]) {
			one.revise({ revision: 1, tokens: [0] });
			one.revise({ revision: 2, tokens: [2] });
		}
		expect(b.last()?.tokens).toEqual([2]);
		expect(a.last()?.tokens).toEqual([]);
		a.answer();
		await vi.advanceTimersByTimeAsync(0);
		expect([a.last()?.tokens, b.last()?.tokens]).toEqual([[2], [2]]);
		b.revise({ revision: 3, tokens: [1] });
		expect(b.last()?.tokens).toEqual([1]);
	});

	it("do not go back to an answer that a later edit has overtaken", async () => {
		const a = view();
		a.edit([1]);
		a.edit([2]);
		a.revise({ revision: 1, tokens: [1] });
		a.answer();
		await vi.advanceTimersByTimeAsync(0);
		expect(a.last()?.tokens).toEqual([]);
		await vi.advanceTimersByTimeAsync(60);
		a.revise({ revision: 2, tokens: [2] });
		a.answer();
		await vi.advanceTimersByTimeAsync(0);
		expect(a.last()?.tokens).toEqual([2]);
		expect(a.model.sent.map(({ tokens }) => tokens)).toEqual([[1], [2]]);
	});

	it("look again when the tokens come after the selection that was made on them", () => {
		const texts = ["a", "b", "c", "d"];
		const a = view(texts);
		a.revise({ revision: 1, tokens: [1], text: ["x"], lost: [{ position: 3, text: "d" }] });
		expect(a.last()).toMatchObject({ tokens: [3], lost: [{ position: 1, text: "x" }] });
		texts.splice(1, 3, "x", "y", "z");
		a.model.change("payload", {});
		expect(a.last()).toMatchObject({ tokens: [1], lost: [{ position: 3, text: "d" }] });
	});

	it("tell Python which words they mean", () => {
		const a = view();
		a.edit([2, 0]);
		expect(a.model.last("select")).toMatchObject({ tokens: [2, 0], text: ["c", "a"] });
	});

	it("ignore an old revision", () => {
		const a = view();
		a.revise({ revision: 5, tokens: [1] });
		a.revise({ revision: 4, tokens: [2] });
		expect(a.last()?.tokens).toEqual([1]);
	});

	it("are not kept waiting by a view that is gone", () => {
		const [a, b] = [view(), view()];
		a.edit([2]);
		b.revise({ revision: 1, tokens: [3] });
		expect(b.last()?.tokens).toEqual([2]);
		a.end();
		expect(b.last()?.tokens).toEqual([3]);
	});

	it("are linked in a page without a kernel", async () => {
		const [a, b] = [view(), view()];
		a.edit([1]);
		a.answer(false, "no-kernel");
		await vi.advanceTimersByTimeAsync(100);
		b.edit([3]);
		expect([a.last()?.tokens, b.last()?.tokens]).toEqual([[3], [1]]);
	});

	it("show what Python has after it refused", async () => {
		const a = view();
		a.edit([2]);
		a.answer(false, "SelectionError");
		await vi.advanceTimersByTimeAsync(0);
		expect(a.last()?.tokens).toEqual([]);
		expect(a.shows).toHaveLength(2);
	});

	it("take a position only where the token's text is the same", () => {
		const [a, b] = [view(), view(["a", "bc", "d", "e"])];
		a.edit([0, 1]);
		expect(b.last()).toMatchObject({ tokens: [0], lost: [{ position: 1, text: "b" }] });
	});

	it("keep a token that one of them has not, when that one picks a head", () => {
		const [a, b] = [view(), view(["a", "bc", "d", "e"])];
		a.edit([1]);
		b.edit([], [[0, 3]]);
		expect(a.last()).toMatchObject({ tokens: [1], heads: [[0, 3]] });
	});

	it("keep a head that one of them has not, when that one picks a token", () => {
		const [a, b] = [view(), view(undefined, GROUP, 2)];
		a.edit([], [[9, 1]]);
		expect(b.last()?.heads).toEqual([]);
		b.edit([2]);
		expect(a.last()).toMatchObject({ tokens: [2], heads: [[9, 1]] });
		expect(b.model.last("select")).toMatchObject({ tokens: [2], heads: [] });
	});

	it("part when one leaves, and meet again", () => {
		const [a, b] = [view(), view()];
		b.model.change("links", { group: "", warning: "" });
		a.edit([2]);
		expect(b.last()?.tokens).toEqual([]);
		b.model.change("links", GROUP);
		a.edit([3]);
		expect(b.last()?.tokens).toEqual([3]);
	});

	it("leave nothing in the page", () => {
		const page = globalThis as unknown as Record<symbol, Map<string, unknown>>;
		const all = [view(), view(undefined, null)];
		for (const one of all) one.end();
		expect(page[Symbol.for("interpwidgets.links")]?.size).toBe(0);
	});
});
