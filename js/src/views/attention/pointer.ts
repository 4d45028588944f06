import { taken } from "../../shared/keys";
import type { Life } from "../../shared/life";
import type { MapLayout } from "./layout";
import type { Dispatch, Scene } from "./scene";
import { pan, type Zoom, zoomAt } from "./zoom";

const CLICK_PIXELS = 4; // a drag this short is still a click

/** What the map shows at the moment. */
export interface Drawn {
	scene: Scene;
	layout: MapLayout;
	window: Zoom;
}

interface Spot extends Drawn {
	query: number;
	key: number;
	/** On a cell that has a number; on the names left of a row. */
	onPair: boolean;
	onRow: boolean;
}

function spotAt(drawn: Drawn, canvas: HTMLCanvasElement, event: MouseEvent): Spot {
	const { layout, window, scene } = drawn;
	const { left, top } = canvas.getBoundingClientRect();
	const query = window[0] + Math.floor((event.clientY - top) / layout.unit);
	const key = window[2] + Math.floor((event.clientX - left) / layout.unit);
	const inRows = query >= window[0] && query < window[1];
	const inKeys = key >= window[2] && key < window[3];
	const masked = scene.payload.causal && key > query;
	return {
		...drawn,
		query,
		key,
		onPair: inRows && inKeys && !masked,
		onRow: inRows && key < window[2],
	};
}

/** Hover reads a pair, a click picks its query, a drag moves a zoomed map, ctrl + wheel zooms. */
export function listenPointer(
	life: Life,
	box: HTMLElement,
	canvas: HTMLCanvasElement,
	dispatch: Dispatch,
	current: () => Drawn | null,
): void {
	let grab: { x: number; y: number; zoom: Zoom; moved: boolean } | null = null;
	const spot = (event: MouseEvent): Spot | null => {
		const drawn = current();
		return drawn && spotAt(drawn, canvas, event);
	};
	const drag = (event: MouseEvent) => {
		const drawn = current();
		if (!grab || !drawn) return;
		const [dx, dy] = [event.clientX - grab.x, event.clientY - grab.y];
		grab.moved ||= Math.abs(dx) + Math.abs(dy) > CLICK_PIXELS;
		if (!grab.moved || !drawn.scene.state.zoom) return;
		const by = (pixels: number) => Math.round(-pixels / drawn.layout.unit);
		const zoom = pan(grab.zoom, by(dy), by(dx), drawn.scene.payload.tokens.length);
		dispatch({ type: "zoom", zoom });
	};
	const zoomBy = (event: MouseEvent, factor: number) => {
		const at = spot(event);
		if (!at) return;
		const zoom = zoomAt(at.window, factor, at.query, at.key, at.scene.payload.tokens.length);
		dispatch({ type: "zoom", zoom });
	};
	life.on(box, "pointermove", (event) => {
		if (grab) return drag(event);
		const at = spot(event);
		const pair = at?.onPair ? { query: at.query, key: at.key } : { query: null, key: null };
		dispatch({ type: "hover", ...pair });
	});
	life.on(box, "pointerleave", () => dispatch({ type: "hover", query: null, key: null }));
	life.on(box, "pointerdown", (event) => {
		const drawn = current();
		if (event.button !== 0 || !drawn) return;
		grab = { x: event.clientX, y: event.clientY, zoom: drawn.window, moved: false };
		box.setPointerCapture?.(event.pointerId);
	});
	life.on(box, "pointerup", (event) => {
		const at = spot(event);
		if (grab && !grab.moved && (at?.onPair || at?.onRow)) {
			dispatch({ type: "query", query: at.query });
		}
		grab = null;
	});
	life.on(box, "pointercancel", () => {
		grab = null;
	});
	life.on(box, "dblclick", (event) => zoomBy(event, 0.5));
	const onWheel = (event: WheelEvent) => {
		if (!event.ctrlKey && !event.metaKey) return;
		taken(event);
		zoomBy(event, event.deltaY > 0 ? 1.25 : 0.8);
	};
	life.on(box, "wheel", onWheel, { passive: false });
}
