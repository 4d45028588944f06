import { h, memo, s } from "../../../shared/dom";
import { percent } from "../../../shared/format";
import { control, type Scene, shown } from "../scene";
import { type HeadId, headName, placeOf } from "../state";
import type { Core } from "../view";

const SIZE = 216;
const MIDDLE = SIZE / 2;
const RADIUS = MIDDLE - 16;
/** Rings stand for a tenth each; what is smaller is in the middle. */
const DECADES = 3;

/** The chosen head: its eigenvalues in the complex plane, and its numbers in words. */
export function makeSide({ side }: Core): (scene: Scene) => void {
	const onHead = memo();
	return (scene) => {
		const { payload, head, numbers, state } = scene;
		const values = head && numbers.eigen(head);
		onHead([payload, String(head), values, state.fetch], () => {
			if (!head) return side.replaceChildren();
			const title = h("div", { class: "iw-h" }, h("b", {}, headName(head)), "OV eigenvalues");
			side.replaceChildren(
				...(payload.weights ? [title, values ? plane(values) : waiting(state.fetch)] : []),
				h("div", { class: "iw-hb-facts" }, ...factsOf(scene, head)),
			);
		});
	};
}

const waiting = (why: string): HTMLElement =>
	h("div", { class: "iw-hb-waiting iw-dim" }, why || "eigenvalues are on their way");

/** Angle 0, to the right, raises what is attended to; distance is size, a ring a tenth. */
function plane(values: Float32Array): SVGElement {
	const svg = s("svg", { class: "iw-hb-plane", width: SIZE, height: SIZE, role: "img" });
	const sizes = Array.from({ length: values.length / 2 }, (_, i) =>
		Math.hypot(values[2 * i] ?? 0, values[2 * i + 1] ?? 0),
	);
	const most = Math.max(...sizes, 1e-30);
	for (let ring = 1; ring <= DECADES; ring++)
		svg.append(
			s("circle", { class: "iw-hb-ring", cx: MIDDLE, cy: MIDDLE, r: (RADIUS * ring) / DECADES }),
		);
	svg.append(
		s("path", {
			class: "iw-hb-axis",
			d: `M${MIDDLE - RADIUS},${MIDDLE}h${2 * RADIUS}M${MIDDLE},${MIDDLE - RADIUS}v${2 * RADIUS}`,
		}),
	);
	const text = (x: number, y: number, words: string, anchor = "middle") =>
		svg.append(s("text", { x, y, "text-anchor": anchor }, words));
	for (const [i, size] of sizes.entries()) {
		const far = Math.max(0, 1 + Math.log10(size / most) / DECADES);
		const [x, y] = [values[2 * i] ?? 0, values[2 * i + 1] ?? 0];
		const share = size > 0 ? (RADIUS * far) / size : 0;
		const cls = x >= 0 ? "iw-hb-dot" : "iw-hb-dot iw-hb-lowers";
		svg.append(s("circle", { class: cls, cx: MIDDLE + x * share, cy: MIDDLE - y * share, r: 3 }));
	}
	text(SIZE - 1, MIDDLE - 5, "raises", "end");
	text(1, MIDDLE - 5, "lowers", "start");
	text(MIDDLE, 11, `largest ${size2(most)}, a ring is a tenth`);
	svg.setAttribute("aria-label", `${sizes.length} eigenvalues, the largest of size ${size2(most)}`);
	return svg;
}

/** Two digits: 520, 0.034. */
const size2 = (size: number): string =>
	Number(size.toPrecision(2)).toLocaleString("en", { maximumSignificantDigits: 2 });

function factsOf({ payload, numbers }: Scene, head: HeadId): Node[] {
	const place = placeOf(payload, head);
	const line = (name: string, value: string, beside = "", out = false) =>
		h(
			"div",
			{},
			h("span", {}, name),
			h("span", { class: out ? "iw-b" : "" }, value),
			beside && h("small", { class: "iw-dim" }, beside),
		);
	const lines = numbers.columns.map((column) => {
		const { info, values, beyond } = column;
		const lag = info.lags[place];
		const at = lag ? `, lag ${String(lag).replace("-", "−")}` : "";
		const value = values[place] ?? Number.NaN;
		const said = Number.isNaN(value) ? "not run" : `${shown(column, value, 3)} ${info.unit}`.trim();
		return line(info.title, said + at, control(column, place), beyond[place] === 1);
	});
	if (payload.weights) {
		const { n_tokens: n, d_vocab: all } = payload.weights;
		const of = n < all ? `${n.toLocaleString("en")} tokens drawn` : "all tokens";
		lines.push(
			line("own token’s rank", percent(numbers.ownRank[place] ?? 0), `chance 50\u2009%, ${of}`),
			line(
				"own token first",
				percent(numbers.first[place] ?? 0),
				"share of tokens that it raises most itself",
			),
		);
	}
	return lines;
}
