/** Everything that must end with a view, on one signal; failures inside go to `onError`. */
export interface Life {
	readonly signal: AbortSignal;
	guard<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void;
	on<K extends keyof GlobalEventHandlersEventMap>(
		target: EventTarget,
		type: K,
		handler: (event: GlobalEventHandlersEventMap[K]) => void,
		options?: AddEventListenerOptions,
	): void;
	after(ms: number, work: () => void): () => void;
	frame(work: () => void): void;
	resized(element: Element, work: () => void): void;
	end(work: () => void): void;
}

export function makeLife(signal: AbortSignal, onError: (error: unknown) => void): Life {
	function guard<A extends unknown[]>(work: (...args: A) => void) {
		return (...args: A) => {
			if (signal.aborted) return;
			try {
				work(...args);
			} catch (error) {
				onError(error);
			}
		};
	}
	function end(work: () => void) {
		signal.addEventListener("abort", work, { once: true });
	}
	function after(ms: number, work: () => void) {
		if (signal.aborted) return () => {};
		const cancel = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", cancel);
		};
		const timer = setTimeout(() => {
			cancel();
			guard(work)();
		}, ms);
		end(cancel);
		return cancel;
	}
	function frame(work: () => void) {
		if (signal.aborted) return;
		const cancel = () => cancelAnimationFrame(handle);
		const handle = requestAnimationFrame(() => {
			signal.removeEventListener("abort", cancel);
			guard(work)();
		});
		end(cancel);
	}
	return {
		signal,
		guard,
		end,
		after,
		frame,
		on(target, type, handler, options) {
			target.addEventListener(type, { handleEvent: guard(handler) }, { ...options, signal });
		},
		resized(element, work) {
			const observer = new ResizeObserver(guard(work));
			observer.observe(element);
			end(() => observer.disconnect());
		},
	};
}
