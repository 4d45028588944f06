import type { WireDose } from "../../../contract.gen";
import { percent, weight } from "../../../shared/format";

/** A value of a line at a strength, between those that were measured; null beyond them. */
export function at(
	dose: WireDose,
	line: readonly (number | null)[],
	strength: number,
): number | null {
	const { strengths } = dose;
	const after = strengths.findIndex((one) => one >= strength - 1e-9);
	if (after < 0) return null;
	const to = strengths[after] ?? 0;
	const high = line[after] ?? null;
	if (after === 0 || Math.abs(to - strength) < 1e-9)
		return Math.abs(to - strength) < 1e-9 ? high : null;
	const from = strengths[after - 1] ?? 0;
	const low = line[after - 1] ?? null;
	if (low === null || high === null) return null;
	return low + ((high - low) * (strength - from)) / (to - from);
}

/** A probability in percent, anything else with its digits. */
export function number(value: number | null, metric: string, loss: boolean): string {
	if (value === null) return "–";
	if (!loss && metric.startsWith("probability")) return percent(value);
	return weight(value);
}
