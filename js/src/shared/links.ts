import type { Links, LostToken, Selection } from "../contract.gen";
import type { Mounted } from "./mount";

/** A selection as views ask for it. */
export interface Picked {
	heads: readonly (readonly [number, number])[];
	tokens: readonly number[];
	layer: number | null;
	feature: number | null;
	prompt: number | null;
}

/** The selected positions that a view has, and the selected tokens that it has not. */
export interface Shown extends Picked {
	lost: readonly LostToken[];
}

/** A selection with each position's text, so that a view with other tokens can tell. */
interface Echo extends Picked {
	pairs: readonly LostToken[];
}

interface Member {
	/** Edits of this view that Python has not answered. */
	open: number;
	echo(picked: Echo): void;
	/** Every edit of the group is answered: what was kept back holds now. */
	settled(): void;
}

const KEY = Symbol.for("interpwidgets.links");

/** The groups of this page, whatever number of bundles draws their views. */
function groups(): Map<string, Set<Member>> {
	const page = globalThis as unknown as Record<symbol, Map<string, Set<Member>> | undefined>;
	page[KEY] ??= new Map();
	return page[KEY];
}

/** Puts a view into a group of the page. */
export function join(id: string, member: Member) {
	const group = (groups().get(id) ?? new Set()).add(member);
	groups().set(id, group);
	const busy = () => [...group].some(({ open }) => open > 0);
	const settle = () => {
		if (!busy()) for (const one of [...group]) one.settled();
	};
	return {
		busy,
		settle,
		edit(picked: Echo): void {
			for (const other of [...group]) if (other !== member) other.echo(picked);
		},
		/** A view that goes cannot hear answers any more: it keeps nobody waiting. */
		leave(): void {
			group.delete(member);
			if (group.size) settle();
			else groups().delete(id);
		},
	};
}

export type LinkedTraits = {
	view_id: string;
	payload: unknown;
	selection: Selection | null;
	links?: Links | null;
};

export interface LinkedView {
	/** The tokens that the view draws. */
	texts(): readonly string[];
	has(head: readonly [number, number]): boolean;
	show(selection: Shown): void;
	links(links: Links): void;
	/** Python heard of a selection, or there is none to hear. */
	told(offline: boolean): void;
}

const SELECT_MS = 60;

/**
 * Keeps a view's selection at one with its group's. A local edit shows in all views of the group
 * at once; Python's revisions hold, but for those that come while an edit is unanswered: of these
 * the last one holds when all are answered.
 */
export function linkSelection<T extends LinkedTraits>(at: Mounted<T>, view: LinkedView) {
	const { model, life, rpc, onTrait } = at;
	let revision = -1;
	let kept: Selection | null = null;
	let wanted: Picked & { text: string[] };
	let shown: Picked; // what this view has of the group's selection
	let whole: Echo;
	let [edits, sent, answered] = [0, 0, 0];
	let cooling = false;
	const member: Member = {
		open: 0,
		echo: life.guard(show),
		settled: life.guard(() => take(kept)),
	};
	let id = "";
	let link = join(id, member);
	life.end(() => link.leave());

	/** A position holds where its token's text is the same. */
	function show(all: Echo): void {
		whole = all;
		const own = view.texts();
		const here = ({ position, text }: LostToken) => own[position] === text;
		const tokens = all.pairs.filter(here).map(({ position }) => position);
		shown = { ...all, heads: all.heads.filter(view.has), tokens };
		view.show({ ...shown, lost: all.pairs.filter((token) => !here(token)) });
	}

	const withPairs = (picked: Picked & { text: string[] }): Echo => ({
		...picked,
		pairs: picked.tokens.map((position, i) => ({ position, text: picked.text?.[i] as string })),
	});

	function take(selection: Selection | null): void {
		if (!selection || selection.revision <= revision) return;
		kept = selection;
		if (link.busy()) return;
		kept = null;
		revision = selection.revision;
		const all = withPairs(selection);
		show({ ...all, pairs: [...selection.lost, ...all.pairs] });
	}

	/** Views of no group are linked with themselves, where one is shown twice. */
	function setLinks(links?: Links | null): void {
		const { group, warning } = links ?? { group: "", warning: "" };
		const to = group || `view ${model.get("view_id")}`;
		if (to !== id) {
			link.leave();
			link = join(to, member);
			id = to;
		}
		view.links({ group, warning });
	}

	/** At once, so that a cell run after a click comes after it; then at most every SELECT_MS. */
	async function tell(): Promise<void> {
		const upTo = edits;
		sent = edits;
		cooling = true;
		life.after(SELECT_MS, () => {
			cooling = false;
			if (edits > sent) void tell();
		});
		const answer = await rpc.request("select", wanted);
		if (life.signal.aborted) return;
		answered = Math.max(answered, upTo);
		member.open = edits - answered;
		const offline = !answer.ok && answer.code === "no-kernel";
		if (!answer.ok && !offline && answer.code !== "timeout") {
			revision = -1; // refused: what Python has, holds
			kept ??= model.get("selection");
		}
		link.settle();
		view.told(offline);
	}

	setLinks(model.get("links"));
	take(model.get("selection"));
	onTrait("selection", take);
	onTrait("payload", () => show(whole)); // of another run, and maybe of other tokens
	onTrait("links", setLinks);

	return {
		/** A change made in this view; of the parts that are not changed the group keeps all. */
		edit({ heads, tokens, layer, feature, prompt }: Picked): void {
			const own = view.texts();
			const text = tokens.map((position) => own[position] as string);
			wanted = { heads, tokens, layer, feature, prompt, text };
			member.open = ++edits - answered;
			const next = withPairs(wanted);
			if (String(heads) === String(shown.heads)) next.heads = whole.heads;
			if (String(tokens) === String(shown.tokens)) next.pairs = whole.pairs;
			shown = wanted;
			whole = next;
			link.edit(whole);
			if (!cooling) void tell();
		},
		setLinks,
	};
}
