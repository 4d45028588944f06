import { legend } from "../../../shared/chrome";
import { choice } from "../../../shared/controls";
import { div, h, memo, set } from "../../../shared/dom";
import { integer, plural, weight } from "../../../shared/format";
import { type At, makeGrid } from "../../../shared/grid";
import { clamp } from "../../../shared/keys";
import type { Scene } from "../scene";
import { type HeadId, headName, type Kind } from "../state";
import type { Core } from "../view";
import { type Composed, everyPair, kindIndex, marksOf, onePair } from "./composed";
import { makePairs } from "./pairs";

const KIND_NAMES = [
	{ name: "q", title: "Q" },
	{ name: "k", title: "K" },
	{ name: "v", title: "V" },
];
const THROUGH = { q: "queries", k: "keys", v: "values" };
const PAIRS_WIDTH = 300;
const SIDE_BY_SIDE = 900;

/** Which head feeds which: a matrix, beside it the pairs beyond chance. */
export function makeComposition(core: Core): (scene: Scene) => void {
	const { composition: node, life, acts } = core;
	const kinds = choice(life, "composition through", (kind) => acts.set({ kind: kind as Kind }));
	const readout = h("span", { class: "iw-hb-read", role: "status" });
	const none = div("advice");
	const all = makeMatrix(core, (scene, [from], [to]) => {
		if (scene.payload.composition?.by === "layer" && from < to) acts.set({ block: [from, to] });
	});
	const one = makeMatrix(core, () => {});
	const blockTitle = h("div", { class: "iw-h" });
	const scale = h("div");
	const pairs = makePairs(core);
	const title = h("div", { class: "iw-h" }, h("b", {}, "Composition"), kinds.node, readout);
	const grids = div("hb-matrix", all.box, blockTitle, one.box, scale);
	node.append(title, none, div("hb-pair", grids, pairs.node));
	const onScale = memo();

	return (scene) => {
		const { payload, state, width } = scene;
		const { composition } = payload;
		const why = payload.absent.find(({ part }) => part === "circuits")?.why;
		node.hidden = !composition && !why;
		title.hidden = !composition;
		none.textContent = why ? `No circuits: ${why}` : "";
		if (!composition) {
			grids.hidden = true;
			return pairs.draw(null);
		}
		kinds.show(KIND_NAMES, state.kind);
		const room = width >= SIDE_BY_SIDE ? width - PAIRS_WIDTH - 48 : width - 8;
		const drawn = all.draw(scene, everyPair, room, `all ${state.kind}`);
		grids.hidden = !drawn;
		const { block } = state;
		const pooled = composition.by === "layer";
		const inner =
			pooled && block
				? one.draw(
						scene,
						(of) => onePair(of, block, drawn?.top ?? 0),
						room,
						`${block} ${state.kind}`,
					)
				: null;
		one.box.hidden = !inner;
		blockTitle.hidden = !pooled;
		blockTitle.textContent = block
			? `L${block[0]} → L${block[1]}, head by head${inner ? "" : `: ${state.fetch || "on its way"}`}`
			: "Each cell: the largest of two layers’ pairs. Choose one for its heads.";
		onScale([payload, drawn?.top], () => {
			const { mean, low, high, n_random: n } = composition;
			const what = `composition; random matrices ${weight(low)}–${weight(high)}, 95\u2009%, n = ${n}`;
			scale.replaceChildren(legend(`≤ ${weight(mean)}`, weight(drawn?.top ?? 1), what));
		});
		readout.textContent = (one.said() || all.said()) ?? "";
		pairs.draw(scene);
	};
}

function makeMatrix(core: Core, pick: (scene: Scene, from: HeadId, to: HeadId) => void) {
	const { life, acts, redraw } = core;
	let scene: Scene | null = null;
	let shown: Composed | null = null;
	let hover: At | null = null;
	let cursor: At | null = null;
	let key = "";
	const onData = memo();
	const take = ([row, column]: At) => {
		const [from, to] = [shown?.rows[row], shown?.columns[column]];
		if (!scene || !from || !to) return;
		const byHead = scene.payload.composition?.by === "head" || key !== "all";
		if (byHead && Number.isFinite(score([row, column])))
			acts.set({ heads: [from, to], edits: scene.state.edits + 1 });
		pick(scene, from, to);
	};
	const score = ([row, column]: At): number =>
		shown?.values[row * shown.columns.length + column] ?? Number.NaN;
	const grid = makeGrid(life, {
		hover(at) {
			if (String(at) === String(hover)) return;
			hover = at;
			redraw();
		},
		press: take,
		move([rows, columns]) {
			if (!shown) return;
			const [row, column] = cursor ?? [0, 0];
			cursor = [
				clamp(row + rows, 0, shown.rows.length - 1),
				clamp(column + columns, 0, shown.columns.length - 1),
			];
			grid.reveal(cursor[1]);
			redraw();
		},
	});
	life.on(grid.box, "keydown", (event) => {
		if (event.key !== "Enter" || !cursor) return;
		event.stopPropagation();
		take(cursor);
	});
	life.on(grid.box, "blur", () => {
		if (cursor) cursor = null;
		redraw();
	});
	/** Selected heads; of pooled layers those that are drawn head by head, else the heads'. */
	const marked = ({ payload, state }: Scene): readonly HeadId[] => {
		if (payload.composition?.by === "head" || key !== "all") return state.heads;
		const layers = state.block ?? state.heads.map(([layer]) => layer);
		return layers.map((layer): HeadId => [layer, 0]);
	};
	const read = (at: At | null): string => {
		const [from, to] = [at && shown?.rows[at[0]], at && shown?.columns[at[1]]];
		if (!at || !from || !to || !scene?.payload.composition) return "";
		const byHead = scene.payload.composition.by === "head" || key !== "all";
		const name = (head: HeadId) => (byHead ? headName(head) : `L${head[0]}`);
		const value = score(at);
		const through = `${name(from)} → ${name(to)} ${THROUGH[scene.state.kind]}`;
		if (Number.isNaN(value)) return `${through}: not in a later layer`;
		const ratio = value / scene.payload.composition.mean;
		return `${through}: ${weight(value, 3)}, ${ratio.toFixed(1)} × random`;
	};
	return {
		box: grid.box,
		said: () => read(hover ?? cursor),
		draw(now: Scene, make: (scene: Scene) => Composed | null, width: number, which: string) {
			scene = now;
			key = which.split(" ")[0] ?? "";
			onData([now.payload, which, now.state.fetch], () => {
				shown = make(now);
				hover = cursor = null;
			});
			grid.box.hidden = !shown;
			if (!shown) return null;
			const marks = marksOf(shown, marked(now), hover, cursor);
			grid.draw(shown.data, marks, width, now.theme);
			const size = `${integer(shown.rows.length)} × ${integer(shown.columns.length)}`;
			const label = `${KIND_NAMES[kindIndex(now)]?.title}-composition, ${size}, ${plural(shown.rows.length, "sender")} down`;
			set(grid.box, { "aria-label": [label, read(hover ?? cursor)].filter(Boolean).join("; ") });
			return shown;
		},
	};
}
