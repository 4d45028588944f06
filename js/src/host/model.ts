type Handler = (...args: unknown[]) => void;

/** A saved view's traits, with the part of the widget model protocol that a view uses. */
export class SavedModel {
	private handlers = new Map<string, Set<Handler>>();
	private changed = new Set<string>();

	/** `parts`: the text of modules that a view fetches once it is drawn, by name. */
	constructor(
		private traits: Record<string, unknown>,
		private parts: Record<string, unknown> = {},
	) {}

	get(name: string): unknown {
		return this.traits[name];
	}

	set(name: string, value: unknown): void {
		if (this.traits[name] === value) return;
		this.traits[name] = value;
		this.changed.add(name);
	}

	save_changes(): void {
		const names = [...this.changed];
		this.changed.clear();
		for (const name of names) this.emit(`change:${name}`);
	}

	/** Code comes from the page. Of the rest nobody is there to answer, and that is the answer. */
	send({ id, kind, name }: { id?: unknown; kind?: unknown; name?: unknown }): void {
		const part = kind === "part" ? this.parts[String(name)] : undefined;
		const error = { code: "no-kernel", message: "this page has no kernel" };
		const answer = part === undefined ? { id, ok: false, error } : { id, ok: true };
		const buffers = part === undefined ? [] : [new TextEncoder().encode(String(part))];
		setTimeout(() => this.emit("msg:custom", answer, buffers));
	}

	on(event: string, handler: Handler): void {
		const handlers = this.handlers.get(event) ?? new Set();
		this.handlers.set(event, handlers.add(handler));
	}

	off(event?: string | null, handler?: Handler | null): void {
		if (!event) this.handlers.clear();
		else if (handler) this.handlers.get(event)?.delete(handler);
		else this.handlers.delete(event);
	}

	private emit(event: string, ...args: unknown[]): void {
		for (const handler of [...(this.handlers.get(event) ?? [])]) handler(...args);
	}
}
