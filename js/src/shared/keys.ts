const STEPS: Record<string, readonly [number, number]> = {
	ArrowUp: [-1, 0],
	ArrowDown: [1, 0],
	ArrowLeft: [0, -1],
	ArrowRight: [0, 1],
};

/** Rows and columns an arrow key asks for. */
export const arrow = (event: KeyboardEvent): readonly [number, number] | null =>
	event.ctrlKey || event.metaKey || event.altKey ? null : (STEPS[event.key] ?? null);

/** The key was ours: the page and the notebook's own shortcuts do not see it. */
export function taken(event: Event): void {
	event.preventDefault();
	event.stopPropagation();
}

export const clamp = (value: number, low: number, high: number): number =>
	Math.max(low, Math.min(high, value));
