/** Finds places for the names of lines: near their line, off all others. */

export type Point = readonly [x: number, y: number];

export interface Wanted {
	/** The points of its line that the name may stand beside. */
	points: readonly Point[];
	width: number;
}

interface Area {
	x: number;
	y: number;
	width: number;
	height: number;
}

const HEIGHT = 15;
const GAP = 8;

const overlap = (a: Area, b: Area): boolean =>
	a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Points along all lines, close enough to see whether a name covers one. */
function along(lines: readonly (readonly Point[])[]): Point[] {
	const steps = 8;
	return lines.flatMap((points) =>
		points.flatMap(([x, y], i): Point[] => {
			const [nextX, nextY] = points[i + 1] ?? [x, y];
			return Array.from({ length: steps }, (_, step): Point => {
				const t = step / steps;
				return [x + (nextX - x) * t, y + (nextY - y) * t];
			});
		}),
	);
}

export interface Placed {
	/** Its left top corner. */
	at: Point;
	/** The point of its line that it stands beside. */
	of: Point;
}

/** A place for each name; earlier ones have their way. */
export function placeNames(
	wanted: readonly Wanted[],
	lines: readonly (readonly Point[])[],
	inside: Area,
): (Placed | null)[] {
	const ink = along(lines);
	const placed: Area[] = [];
	return wanted.map(({ points, width }) => {
		let best: { cost: number; area: Area; of: Point } | null = null;
		for (const [i, point] of points.entries()) {
			for (const area of around(point, width)) {
				const cost = costOf(area, ink, placed, inside) + 0.1 * i;
				if (!best || cost < best.cost) best = { cost, area, of: point };
			}
		}
		if (!best) return null;
		placed.push(best.area);
		return { at: [best.area.x, best.area.y], of: best.of };
	});
}

/** Right of a point, left of it, above and below. */
function around([x, y]: Point, width: number): Area[] {
	const size = { width, height: HEIGHT };
	return [
		{ x: x + GAP, y: y - HEIGHT / 2, ...size },
		{ x: x + GAP - 2, y: y + 4, ...size },
		{ x: x - GAP - width, y: y - HEIGHT / 2, ...size },
		{ x: x - width / 2, y: y - HEIGHT - 6, ...size },
		{ x: x - width / 2, y: y + 7, ...size },
		{ x: x + 3 * GAP, y: y - HEIGHT / 2, ...size },
	];
}

function costOf(area: Area, ink: readonly Point[], placed: readonly Area[], inside: Area): number {
	const out =
		Math.max(0, inside.x - area.x) +
		Math.max(0, area.x + area.width - inside.x - inside.width) +
		Math.max(0, inside.y - area.y) +
		Math.max(0, area.y + area.height - inside.y - inside.height);
	const hit = ink.filter(
		([x, y]) =>
			x > area.x - 1 &&
			x < area.x + area.width + 1 &&
			y > area.y + 1 &&
			y < area.y + area.height - 1,
	).length;
	const over = placed.filter((other) => overlap(area, other)).length;
	return 3 * out + hit + 60 * over;
}
