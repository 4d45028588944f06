const MINUS = "−";

const signed = (text: string): string => text.replaceAll("-", MINUS);

/** A weight or probability: 0.58, or 0.582 with three places; below 0.001 as 7e−4. */
export function weight(value: number, places = 2): string {
	if (!Number.isFinite(value)) return notFinite(value);
	if (value !== 0 && Math.abs(value) < 0.001) return signed(value.toExponential(0));
	return signed(value.toFixed(places));
}

function notFinite(value: number): string {
	if (Number.isNaN(value)) return "NaN";
	return value > 0 ? "∞" : `${MINUS}∞`;
}

/** The short form inside a cell: .58. */
export function inCell(value: number): string {
	if (!Number.isFinite(value)) return notFinite(value);
	return value >= 0.995 ? value.toFixed(1) : signed(value.toFixed(2)).replace(/^(−?)0/, "$1");
}

export const integer = (value: number): string => signed(value.toLocaleString("en"));

export const percent = (share: number): string =>
	`${signed(String(Math.round(share * 100)))}\u2009%`;

export const plural = (count: number, noun: string): string =>
	`${integer(count)} ${noun}${count === 1 ? "" : "s"}`;

/** 0, 2, 3, 4 → "0, 2–4". */
export function list(numbers: readonly number[]): string {
	const runs: string[] = [];
	for (let i = 0; i < numbers.length; i++) {
		const from = numbers[i] ?? 0;
		let to = from;
		while (numbers[i + 1] === to + 1) to = numbers[++i] ?? to;
		runs.push(to === from ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`);
	}
	return runs.join(", ");
}
