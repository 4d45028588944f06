import { div, h, memo, s, set } from "./dom";
import { arrow, clamp, taken } from "./keys";
import type { Life } from "./life";

export interface SliderState {
	value: number;
	/** At its default the thumb is hollow; a double click goes there. */
	home: number;
	least: number;
	most: number;
	step: number;
	/** The value with its unit, at the right and for a screen reader. */
	text: string;
	/** Below the value, in a lighter ink. */
	more?: string;
	/** Values that have a tick, with a name or without. */
	ticks?: readonly (readonly [value: number, name: string])[];
	disabled?: boolean;
}

export interface SliderActs {
	/** Every value on the way, the last one when the hand rests. */
	input(value: number): void;
}

const PAGE = 10; // steps, with shift

/** A track with a thumb: drag it, click beside it, arrow keys, a double click for the default. */
export function makeSlider(life: Life, label: string, { input }: SliderActs) {
	const bar = h("i", { class: "iw-sl-bar" });
	const thumb = h("i", { class: "iw-sl-thumb" });
	const ticks = div("sl-ticks");
	const track = h("div", { class: "iw-sl-track", role: "slider", tabindex: 0 });
	track.append(h("i", { class: "iw-sl-line" }), ticks, bar, thumb);
	const name = h("span", { class: "iw-sl-name" });
	const value = h("span", { class: "iw-sl-value" });
	const node = div("sl", name, track, value);
	const onTicks = memo();
	let state: SliderState | null = null;
	name.textContent = label;
	track.setAttribute("aria-label", label);

	const share = (at: number) => {
		const { least, most } = state ?? { least: 0, most: 1 };
		return most > least ? clamp((at - least) / (most - least), 0, 1) : 0;
	};
	function go(to: number): void {
		if (!state || state.disabled) return;
		const { least, most, step } = state;
		const snapped = clamp(least + Math.round((to - least) / step) * step, least, most);
		const next = Number(snapped.toFixed(6));
		if (next === state.value) return;
		state = { ...state, value: next }; // a second key may come before it is drawn
		input(next);
	}
	function fromPointer(event: PointerEvent): void {
		if (!state) return;
		const { left, width } = track.getBoundingClientRect();
		go(state.least + clamp((event.clientX - left) / width, 0, 1) * (state.most - state.least));
	}
	life.on(track, "pointerdown", (event) => {
		if (event.button !== 0 || state?.disabled) return;
		track.setPointerCapture(event.pointerId);
		fromPointer(event);
	});
	life.on(track, "pointermove", (event) => {
		if (track.hasPointerCapture(event.pointerId)) fromPointer(event);
	});
	life.on(track, "dblclick", () => state && go(state.home));
	life.on(track, "keydown", (event) => {
		if (!state) return;
		const by = arrow(event);
		const ends: Record<string, number> = { Home: state.least, End: state.most };
		const to = by
			? state.value + (by[1] - by[0]) * state.step * (event.shiftKey ? PAGE : 1)
			: ends[event.key];
		if (to === undefined) return;
		taken(event);
		go(to);
	});

	return {
		node,
		track,
		draw(next: SliderState, text = label) {
			state = next;
			name.textContent = text;
			value.replaceChildren(next.text, next.more ? h("small", {}, next.more) : "");
			const moved = next.value !== next.home;
			node.classList.toggle("iw-sl-moved", moved);
			const [at, home] = [share(next.value) * 100, share(next.home) * 100];
			thumb.style.left = `${at}%`;
			bar.style.left = `${Math.min(at, home)}%`;
			bar.style.width = `${Math.abs(at - home)}%`;
			onTicks([JSON.stringify(next.ticks), next.least, next.most], () =>
				ticks.replaceChildren(
					...(next.ticks ?? []).map(([tick, named]) =>
						h("span", { style: `left:${share(tick) * 100}%` }, named),
					),
				),
			);
			set(track, {
				"aria-valuemin": next.least,
				"aria-valuemax": next.most,
				"aria-valuenow": next.value,
				"aria-valuetext": next.text,
				"aria-label": text,
				"aria-disabled": String(next.disabled ?? false),
			});
		},
	};
}

/** A line through points, as an SVG path. */
export const pathOf = (points: readonly (readonly [number, number])[]): string =>
	points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");

/** An SVG path element of a class. */
export const stroke = (cls: string, points: readonly (readonly [number, number])[]): SVGElement =>
	s("path", { class: cls, d: pathOf(points), fill: "none" });
