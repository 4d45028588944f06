import { s } from "../dom";
import type { GridLayout } from "./layout";
import type { At, GridMarks } from "./types";

const BRACKET = 5;
const DISC = 7;

/** Frames over the cells: doubtful, hovered, pinned, selected, and the keyboard's place. */
export function markNodes(
	marks: GridMarks,
	{ cellWidth, cellHeight, view }: GridLayout,
	scroll: number,
): SVGElement[] {
	const size = Math.max(5, cellWidth);
	const x = ([, column]: At) => column * cellWidth - scroll;
	const y = ([row]: At) => row * cellHeight;
	const seen = (at: At) => x(at) > -size && x(at) < view;
	const box = (cls: string, at: At, grow: number) =>
		s("rect", {
			...{ class: cls, x: x(at) - 0.5 - grow, y: y(at) - 0.5 - grow },
			...{ width: size + 2 * grow, height: cellHeight + 2 * grow },
		});
	const disc = (at: At, i: number) => [
		s("circle", { class: "iw-g-disc", cx: x(at), cy: y(at), r: DISC }),
		s("text", { class: "iw-g-number", x: x(at), y: y(at) + 3.5 }, String(i)),
	];
	const cursor = (at: At) => {
		const [left, top] = [x(at) - 1, y(at) - 1];
		const [right, bottom] = [left + size + 1, top + cellHeight + 1];
		const b = Math.min(BRACKET, size / 3);
		const corner = (cx: number, cy: number, dx: number, dy: number) =>
			`M${cx + dx * b},${cy}H${cx}V${cy + dy * b}`;
		const corners = [
			corner(left, top, 1, 1),
			corner(right, top, -1, 1),
			corner(left, bottom, 1, -1),
			corner(right, bottom, -1, -1),
		];
		return s("path", { class: "iw-g-cursor", d: corners.join("") });
	};
	const { pins = [], firstPin = 1, dashed = [], hover, cursor: at } = marks;
	const discs = pins.flatMap((one, i) => (seen(one) ? disc(one, firstPin + i) : []));
	const selected = marks.selected.filter(seen).slice(0, 256);
	return [
		...dashed.filter(seen).map((one) => box("iw-g-doubt", one, -3)),
		...(hover && seen(hover) ? [box("iw-g-hover", hover, 0)] : []),
		...pins.filter(seen).map((one) => box("iw-g-pin", one, 0)),
		...selected.flatMap((one) => [box("iw-g-inside", one, -2), box("iw-g-selected", one, 0)]),
		...discs,
		...(at && seen(at) ? [cursor(at)] : []),
	];
}
