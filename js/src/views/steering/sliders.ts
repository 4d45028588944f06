import type { SteeringPayload } from "../../contract.gen";
import { tick } from "../../shared/controls";
import { div, h, memo, word } from "../../shared/dom";
import { makeSlider } from "../../shared/slider";
import { tokenNode } from "../../shared/tokens";
import { chosenDial, currentSetting, type Setting, type State } from "./state";
import type { Base } from "./view";

const STEPS = 40; // from one end of a strength to the other
const HOTTEST = 2;
const LONGEST = 200;

const signed = (value: number): string =>
	value === 0 ? "0" : `${value > 0 ? "+" : "−"}${Number(Math.abs(value).toPrecision(3))}`;

const replaced = <T>(list: readonly T[], at: number, value: T): T[] =>
	list.map((one, i) => (i === at ? value : one));

/** How long a vector a strength adds: a layer each, or from one to another. */
function added(payload: SteeringPayload, setting: Setting, at: number): string {
	const dial = payload.dials[at];
	const layers = setting.layers[at] ?? [];
	const units = (dial?.known ?? []).flatMap((layer, i) =>
		layers.includes(layer) ? [dial?.units[i] ?? 0] : [],
	);
	const strength = Math.abs(setting.strengths[at] ?? 0);
	const all = (units.length ? units : (dial?.units.slice(0, 1) ?? [])).map((unit) =>
		(unit * strength).toPrecision(3),
	);
	return all.length > 1 ? `‖${all[0]}–${all.at(-1)}‖` : `‖${all[0] ?? 0}‖`;
}

/** A slider for each direction, and what else decides what is written. */
export function makeSliders({ life, dispatch, state: now }: Base) {
	const dials = div("st-dials");
	const more = div("st-more");
	const where = div("st-where");
	const extras = div("st-extras");
	const node = div("st-sliders", dials, more, where, extras);
	const onShape = memo();
	const onWhere = memo();
	let strengths: ReturnType<typeof makeSlider>[] = [];
	let layers: ReturnType<typeof makeSlider>[] = [];
	let ticks: ReturnType<typeof tick>[] = [];
	const change = (of: (setting: Setting) => Partial<Setting>) => {
		const setting = currentSetting(now());
		if (setting) dispatch({ type: "set", change: of(setting) });
	};
	const temperature = makeSlider(life, "temperature", {
		input: (value) => change(() => ({ temperature: value })),
	});
	const length = makeSlider(life, "new tokens", {
		input: (value) => change(() => ({ max_new_tokens: value })),
	});

	function build(payload: SteeringPayload): void {
		strengths = payload.dials.map(({ name }, at) => {
			const slider = makeSlider(life, name, {
				input: (value) => {
					dispatch({ type: "dial", dial: at });
					change((setting) => ({ strengths: replaced(setting.strengths, at, value) }));
				},
			});
			slider.node.classList.add("iw-st-dial");
			return slider;
		});
		layers = payload.dials.flatMap(({ known, layers: own, name }, at) => {
			if (known.length < 2 || own.length !== 1) return [];
			const label = payload.dials.length > 1 ? `layer of ${name}` : "layer";
			const input = (i: number) =>
				change((setting) => ({ layers: replaced(setting.layers, at, [known[i] ?? 0]) }));
			const slider = makeSlider(life, label, { input });
			slider.node.dataset.dial = String(at);
			return [slider];
		});
		ticks = payload.extras.map(({ words }, at) =>
			tick(life, words, () =>
				change((setting) => ({ extras: setting.extras.map((on, i) => (i === at ? !on : on)) })),
			),
		);
		dials.replaceChildren(...strengths.map((slider) => slider.node));
		more.replaceChildren(...layers.map((slider) => slider.node), temperature.node, length.node);
		extras.replaceChildren(...ticks.map((one) => one.node));
	}

	/** The prompt, with the tokens marked where directions are added. */
	function drawWhere(
		payload: SteeringPayload,
		positions: readonly number[] | null,
		off: boolean,
	): void {
		onWhere([payload.prompt, String(positions), off], () => {
			const toggle = (i: number) =>
				change(() => {
					const known = positions ?? [];
					const next = known.includes(i) ? known.filter((one) => one !== i) : [...known, i];
					return { positions: next.length ? next.sort((a, b) => a - b) : null };
				});
			const all = word("everywhere", { "aria-pressed": String(positions === null) });
			life.on(all, "click", () => !off && change(() => ({ positions: null })));
			const chips = payload.prompt.map((token, i) => {
				const chip = h("button", {
					type: "button",
					class: "iw-st-at",
					"aria-pressed": String(positions?.includes(i) ?? false),
				});
				chip.append(tokenNode(token, 12));
				life.on(chip, "click", () => !off && toggle(i));
				return chip;
			});
			where.replaceChildren(
				h("span", { class: "iw-sl-name" }, "where"),
				div("st-chips", all, ...chips),
			);
		});
	}

	return {
		node,
		/** The track of a dial's slider: the x axis of its dose-response. */
		track: (dial: number) => strengths[dial]?.track ?? null,
		draw(state: State, payload: SteeringPayload) {
			const setting = currentSetting(state);
			if (!setting) return;
			const off = state.offline;
			onShape(
				[
					JSON.stringify(
						payload.dials.map(({ name, known, layers }) => [name, known, layers.length]),
					),
					payload.extras.length,
				],
				() => build(payload),
			);
			const end = payload.strongest;
			for (const [at, slider] of strengths.entries()) {
				const value = setting.strengths[at] ?? 0;
				slider.node.classList.toggle(
					"iw-st-chosen",
					strengths.length > 1 && at === chosenDial(state),
				);
				slider.draw({
					...{ value, home: 0, least: -end, most: end, step: (2 * end) / STEPS, disabled: off },
					text: signed(value),
					more: value ? added(payload, setting, at) : "× mean norm",
					ticks: [-end, -end / 2, 0, end / 2, end].map((tick) => [tick, signed(tick)] as const),
				});
			}
			for (const slider of layers) {
				const at = Number(slider.node.dataset.dial);
				const { known = [], layers: own = [] } = payload.dials[at] ?? {};
				const layer = setting.layers[at]?.[0] ?? own[0] ?? 0;
				const value = Math.max(0, known.indexOf(layer));
				slider.draw({
					...{ value, home: value, least: 0, most: known.length - 1, step: 1, disabled: off },
					text: `L${layer}`,
				});
			}
			const heat = setting.temperature;
			temperature.draw({
				...{ value: heat, home: 0, least: 0, most: HOTTEST, step: 0.05, disabled: off },
				text: heat ? heat.toFixed(2) : "greedy",
			});
			const count = setting.max_new_tokens;
			length.draw({
				...{
					value: count,
					home: count,
					least: 1,
					most: Math.max(LONGEST, count),
					step: 1,
					disabled: off,
				},
				text: String(count),
			});
			drawWhere(payload, setting.positions, off);
			for (const [at, one] of ticks.entries()) one.show(setting.extras[at] ?? false, off);
		},
	};
}
