import { div, h } from "../../../shared/dom";
import type { At } from "../../../shared/grid/types";
import { tokenNode } from "../../../shared/tokens";
import { flipped, partners, type Scene } from "../scene";
import type { Core } from "../view";

const BEGINS = 5;

interface Drag {
	source: number;
	x: number;
	y: number;
	moving: boolean;
}

/** Drags a token of the other prompt, or what a cell is patched from, onto another cell. */
export function listenDrag(
	core: Core,
	scene: () => Scene | null,
	drop: (source: number, at: At) => void,
): void {
	const { life, strip, grid, box, root, dispatch } = core;
	const ghost = div("pt-ghost");
	ghost.hidden = true;
	root.append(ghost);
	let drag: Drag | null = null;
	let swallow = false;

	const patchable = (now: Scene | null): now is Scene =>
		now !== null && !strip.hidden && now.grid.by === "position";

	function begin(source: number | undefined, event: PointerEvent): void {
		if (source === undefined || event.button !== 0) return;
		drag = { source, x: event.clientX, y: event.clientY, moving: false };
	}

	life.on(strip, "pointerdown", (event) => {
		const chip =
			event.target instanceof Element && event.target.closest<HTMLElement>("[data-source]");
		if (chip) begin(Number(chip.dataset.source), event);
	});
	life.on(grid.box, "pointerdown", (event) => {
		const [now, at] = [scene(), grid.at(event)];
		if (!patchable(now) || !at) return;
		begin(partners(now.grid).get(now.grid.columns[at[1]] ?? -1), event);
	});
	life.on(document, "pointermove", (event) => {
		const now = scene();
		if (!drag || !patchable(now)) return;
		const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= BEGINS;
		if (!drag.moving && far) start(drag, now);
		if (!drag.moving) return;
		event.preventDefault();
		const at = grid.at(event);
		dispatch({ type: "hover", at: at && flipped(now.grid, at) });
		follow(event, now, at);
	});
	life.on(document, "pointerup", (event) => {
		const now = scene();
		const ended = drag;
		drag = null;
		if (!ended?.moving) return;
		ghost.hidden = true;
		box.classList.remove("iw-pt-dragging");
		swallow = true;
		life.after(0, () => {
			swallow = false;
		});
		const at = grid.at(event);
		dispatch({ type: "hover", at: null });
		if (at && patchable(now)) drop(ended.source, flipped(now.grid, at));
	});
	life.on(document, "pointercancel", end);
	life.on(document, "keydown", (event) => event.key === "Escape" && end());
	// what ends a drag is no click
	life.on(root, "click", (event) => swallow && event.stopPropagation(), { capture: true });

	function start(of: Drag, now: Scene): void {
		of.moving = true;
		box.classList.add("iw-pt-dragging");
		const token = now.grid.source[of.source];
		const where = h("span", { class: "iw-dim" });
		ghost.replaceChildren(token ? tokenNode(token, 16) : "", where);
		ghost.hidden = false;
	}

	function follow(event: PointerEvent, { grid: of }: Scene, at: At | null): void {
		const { left, top } = root.getBoundingClientRect();
		ghost.style.cssText = `left:${event.clientX - left + 12}px;top:${event.clientY - top + 12}px`;
		const to = at && flipped(of, at);
		const words = to ? ` → L${of.layers[to[0]]}, position ${of.columns[to[1]]}` : "";
		if (ghost.lastChild) ghost.lastChild.textContent = words;
	}

	function end(): void {
		drag = null;
		ghost.hidden = true;
		box.classList.remove("iw-pt-dragging");
	}
}
