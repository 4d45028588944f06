import { arrow, clamp, taken } from "../../../shared/keys";
import { type Drawn, spotAt } from "../map";
import { type Change, type HeadId, NO_HOVER, type State, type Zoom } from "../state";
import type { Core } from "../view";
import { escaped, howOf, moved, withHead, withToken } from "./selecting";
import { pan, within, zoomAt } from "./zoom";

const CLICK_PIXELS = 4; // a drag this short is still a click

const countOf = (drawn: Drawn): number => drawn.scene.payload.tokens.length;

/** All of it is no zoom. */
const zoomed = (zoom: Zoom, count: number): Change => {
	const inside = within(zoom, count);
	return { zoom: inside[1] - inside[0] >= count ? null : inside };
};

export function listen(core: Core): void {
	onMap(core);
	onStrip(core);
	onThumbs(core);
	core.life.on(core.root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const now = core.state();
		if (event.key.toLowerCase() === "t") core.acts.set({ tableOpen: !now.tableOpen });
		else if (event.key === "Escape") core.acts.set(escaped(now));
		else return;
		event.stopPropagation();
	});
}

/** A drag moves a zoomed map, control + wheel and double click zoom. */
function onMap({ life, map, acts, state }: Core): void {
	const { box, canvas, drawn } = map;
	let grab: { x: number; y: number; zoom: Zoom; moved: boolean } | null = null;
	const zoomBy = (event: MouseEvent, factor: number) => {
		const now = drawn();
		if (!now) return;
		const { query, key } = spotAt(now, canvas, event);
		acts.set(zoomed(zoomAt(now.window, factor, query, key, countOf(now)), countOf(now)));
	};
	life.on(box, "pointerdown", (event) => {
		const now = drawn();
		if (event.button !== 0 || !now) return;
		grab = { x: event.clientX, y: event.clientY, zoom: now.window, moved: false };
	});
	life.on(box, "pointermove", (event) => {
		const now = drawn();
		if (!grab || !now || event.buttons !== 1) return;
		const [dx, dy] = [event.clientX - grab.x, event.clientY - grab.y];
		if (!grab.moved && Math.abs(dx) + Math.abs(dy) <= CLICK_PIXELS) return;
		if (!grab.moved) box.setPointerCapture?.(event.pointerId);
		grab.moved = true;
		if (!now.scene.state.zoom) return;
		const by = (pixels: number) => Math.round(-pixels / now.layout.unit);
		acts.set({ zoom: pan(grab.zoom, by(dy), by(dx), countOf(now)) });
	});
	const drop = (event: Event) => {
		if (event.type === "click" && grab?.moved) event.stopImmediatePropagation();
		if (event.type !== "pointerup") grab = null;
	};
	life.on(box, "click", drop, { capture: true });
	life.on(box, "pointercancel", drop);
	life.on(box, "dblclick", (event) => zoomBy(event, 0.5));
	const onWheel = (event: WheelEvent) => {
		if (!event.ctrlKey && !event.metaKey) return;
		taken(event);
		zoomBy(event, event.deltaY > 0 ? 1.25 : 0.8);
	};
	life.on(box, "wheel", onWheel, { passive: false });
	life.on(box, "keydown", (event) => {
		const now = drawn();
		const change = now && mapKey(event, now, state());
		if (!change) return;
		taken(event);
		acts.set(
			change === "up"
				? moved(state(), -1, howOf(event))
				: change === "down"
					? moved(state(), 1, howOf(event))
					: change,
		);
	});
}

/** Up and down: the query. Left and right: the key that is read. + − 0: zoom. */
function mapKey(
	event: KeyboardEvent,
	{ scene, window, layout }: Drawn,
	now: State,
): Change | "up" | "down" | null {
	const count = scene.payload.tokens.length;
	const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
	const step = arrow(event);
	const key = now.hover[1] ?? scene.query;
	if (event.ctrlKey || event.metaKey || layout.unit <= 0) return null;
	if (step?.[0]) return step[0] < 0 ? "up" : "down";
	if (step) {
		const most = scene.causal ? scene.query : count - 1;
		return { hover: [scene.query, clamp(key + step[1], 0, most)] };
	}
	if (factor) return zoomed(zoomAt(window, factor, scene.query, key, count), count);
	return event.key === "0" ? { zoom: null } : null;
}

/** A drag over tokens selects the range; arrows move, with shift they extend. */
function onStrip({ life, strip, acts, state }: Core): void {
	let from: number | null = null;
	life.on(strip.line, "pointerdown", (event) => {
		from = event.shiftKey || event.button ? null : strip.position(event);
	});
	life.on(strip.line, "pointerover", (event) => {
		const at = strip.position(event);
		if (event.buttons !== 1 || from === null || at === null) return;
		acts.set({ ...withToken({ ...state(), anchor: from }, at, "range"), hover: NO_HOVER });
	});
	life.on(strip.node, "keydown", (event) => {
		const step = arrow(event);
		if (!step) return;
		taken(event);
		acts.set(moved(state(), step[0] + step[1], howOf(event)));
	});
}

/** Arrows move the cursor over the heads, Enter selects. */
function onThumbs({ life, thumbs, acts, state }: Core): void {
	life.on(thumbs.grid, "keydown", (event) => {
		const cells = thumbs.cells();
		const row = cells.findIndex((line) => line.some(({ node }) => node === event.target));
		const column = cells[row]?.findIndex(({ node }) => node === event.target) ?? -1;
		const cell = cells[row]?.[column];
		const step = arrow(event);
		if (!cell || !(step || event.key === "Enter" || event.key === " ")) return;
		taken(event);
		if (!step) return acts.set(withHead(state(), cell.id as HeadId, howOf(event) !== "one"));
		const line = cells[clamp(row + step[0], 0, cells.length - 1)] ?? [];
		const to = line[clamp(column + step[1], 0, line.length - 1)];
		for (const { node } of cells.flat()) node.tabIndex = node === to?.node ? 0 : -1;
		to?.node.focus();
	});
}
