import type { Theme } from "./theme";

type Rgb = readonly [number, number, number];

const hex = (codes: string): Rgb[] =>
	codes.split(" ").map((code) => {
		const bits = Number.parseInt(code, 16);
		return [bits >> 16, (bits >> 8) & 255, bits & 255];
	});

/** Seven stops from zero outwards; the same colours as in look.css. */
export const STOPS: Record<Theme, { more: readonly Rgb[]; less: readonly Rgb[] }> = {
	light: {
		more: hex("f5f5f3 b9d6ee 82b5e3 5494d0 3172b5 1f528e 1d3559"),
		less: hex("f5f5f3 e9ceb5 dca67c c97f4d ae5b2a 8b3f1c 5c2f21"),
	},
	dark: {
		more: hex("26282c 2b415d 2f5d91 3c7bbd 5c9bd9 85bbef b0dbff"),
		less: hex("26282c 58372a 864a2a ae6434 cb8653 e4ab7a fbd0a6"),
	},
};

/** The colour of `value` in −1…1: blue is more, rust is less. */
export function colour(theme: Theme, value: number): Rgb {
	const stops = STOPS[theme][value < 0 ? "less" : "more"];
	const t = Math.min(1, Math.abs(value)) * 6;
	const low = Math.min(5, Math.floor(t));
	const a = stops[low] ?? [0, 0, 0];
	const b = stops[low + 1] ?? a;
	const mix = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * (t - low));
	return [mix(0), mix(1), mix(2)];
}

export const css = (rgb: Rgb): string => `rgb(${rgb.join(",")})`;

/** Black or white, whichever contrasts more with `rgb`. */
export function textOn([r, g, b]: Rgb): "#000" | "#fff" {
	const y = 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2;
	return y > 0.179 * 255 ** 2.2 ? "#000" : "#fff";
}

export const packed = ([r, g, b]: Rgb): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** An odd number: a signed ramp has a middle. */
export const LEVELS = 255;

/** Packed pixels for 0…1, or for −1…1. */
export function table(theme: Theme, signed: boolean): Uint32Array {
	return Uint32Array.from({ length: LEVELS }, (_, i) => {
		const share = i / (LEVELS - 1);
		return packed(colour(theme, signed ? 2 * share - 1 : share));
	});
}
