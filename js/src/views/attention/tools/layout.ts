import { clamp } from "../../../shared/keys";
import { type ThumbLayout, thumbRoom } from "../layout";

const PITCH = 38;
const GAP = 6;
const NAME = 14; // px over a thumbnail that has its own name

/** As many thumbnails in a row as have room for their names. */
export function sortedLayout(width: number, count: number): ThumbLayout {
	const room = thumbRoom(width);
	const columns = clamp(Math.floor(room / PITCH), 1, Math.max(1, count));
	const size = clamp(Math.floor(room / columns) - GAP, 14, 96);
	return { columns, size, gap: GAP, down: GAP + NAME, gutter: 0 };
}

/** Sides of equal maps beside each other, and the lines that they take. */
export function multiplesLayout(width: number, count: number) {
	const gap = 24;
	const most = Math.min(count, Math.max(2, Math.floor((width + gap) / (150 + gap))));
	const lines = Math.ceil(count / most);
	const across = Math.ceil(count / lines);
	const side = Math.floor(clamp((width + gap) / across - gap, 96, 260));
	return { side, gap, height: lines * (side + 44) };
}
