import type { EffectsKept, EffectsPayload, Status } from "../../contract.gen";
import { legend, makeChrome, stampLine } from "../../shared/chrome";
import { tick } from "../../shared/controls";
import { div, set } from "../../shared/dom";
import { inCell } from "../../shared/format";
import { type At, makeGrid } from "../../shared/grid";
import { clamp } from "../../shared/keys";
import { type LinkedTraits, linkSelection, type Shown } from "../../shared/links";
import { hideStaticCopies, type Mounted, mount } from "../../shared/mount";
import { loadPart } from "../../shared/parts";
import { currentTheme } from "../../shared/theme";
import { type Core, sceneOf, type Tools } from "./scene";
import "../../shared/grid/grid.css";
import "../../shared/look.css";
import "./style.css";

type Traits = LinkedTraits & {
	payload: EffectsPayload | null;
	status: Status | null;
	kept: EffectsKept | null;
};

const NOTHING: Shown = {
	...{ heads: [], tokens: [], layer: null, feature: null, prompt: null, lost: [] },
};
const NOT_RUN: Status = { kind: "empty", message: "", run: 0, can_rerun: false, done: 0, total: 0 };
function effects(at: Mounted<Traits>): void {
	const { model, root, life, rpc, onTrait } = at;
	let status = NOT_RUN;
	let kept: EffectsKept = { beyond: false, panel_open: false, table_open: false };
	let shown = NOTHING;
	let cursor: At | null = null;
	let hover: At | null = null;
	let [offline, warning, scheduled] = [false, "", false];
	let scene: ReturnType<typeof sceneOf> | null = null;
	root.dataset.theme = currentTheme(root);

	const keep = (change: Partial<EffectsKept>) => {
		kept = { ...kept, ...change };
		model.set("kept", kept);
		model.save_changes();
		remake();
	};
	const chrome = makeChrome(root, life, () => {
		keep({ panel_open: !kept.panel_open });
		if (!tools) void loadTools();
	});
	const beyond = tick(life, "only beyond control", () => keep({ beyond: !kept.beyond }));
	const readout = div("ef-read");
	const scale = div("ef-scale");
	const table = div("ef-table");
	const grid = makeGrid(life, {
		hover: (to) => {
			hover = to;
			draw();
		},
		press,
		move: ([down, across]) => {
			if (!scene) return;
			const [r, c] = cursor ?? [0, 0];
			const { rows, columns } = scene.payload;
			cursor = [clamp(r + down, 0, rows.length - 1), clamp(c + across, 0, columns.length - 1)];
			draw();
		},
	});
	chrome.tools.append(beyond.node);
	chrome.figure.append(grid.box, div("ef-below", scale, readout), table);

	let tools: Tools | null = null;
	const core: Core = {
		root,
		life,
		rpc,
		chrome,
		table,
		keep,
		redraw: draw,
		scene: () => scene,
		kept: () => kept,
	};

	async function loadTools(): Promise<void> {
		try {
			tools = (await loadPart<(core: Core) => Tools>("tools", at))(core);
			draw();
		} catch {
			chrome.panel.textContent = "the rest of the view did not come: open it again";
		}
	}

	function press(to: At): void {
		if (!scene) return;
		cursor = to;
		const { heads, layers, columns } = scene.payload;
		const chosen = heads[to[0] * columns.length + to[1]] ?? [];
		shown = chosen.length
			? { ...shown, heads: chosen }
			: { ...shown, layer: layers[to[0]] ?? null };
		links.edit(shown);
		draw();
	}

	function draw(): void {
		if (scheduled) return;
		scheduled = true;
		life.frame(() => {
			scheduled = false;
			paint();
		});
	}

	function remake(): void {
		const payload = model.get("payload");
		scene = payload && sceneOf(payload, kept.beyond);
		draw();
	}

	function paint(): void {
		const payload = scene?.payload;
		chrome.update({
			title: payload?.title ?? "Effects",
			sub: payload ? `${payload.what} · ${payload.rows.length} × ${payload.columns.length}` : "",
			notes: warning ? [warning] : [],
			...{ status, drawn: scene !== null, panelOpen: kept.panel_open },
			stamp: payload
				? stampLine(payload.stamp, payload.run, offline && "no kernel: saved numbers")
				: "",
		});
		tools?.draw(scene, status);
		if (!scene || !payload) return;
		beyond.show(kept.beyond, !payload.control, payload.control ? "" : "no control yet");
		const marks = { selected: selectedCells(payload), cursor, hover };
		const theme = root.dataset.theme === "dark" ? "dark" : "light";
		grid.draw(scene.data, marks, chrome.figure.clientWidth, theme);
		const end = String(Number(payload.scale.toPrecision(2)));
		scale.replaceChildren(legend(`−${end}`, end, payload.unit || "effect", true));
		readout.textContent = reading();
		chrome.caption.textContent = [payload.caption, controlWords(payload)].join(" ");
		set(grid.box, {
			"aria-label": `${payload.title}, ${payload.rows.length} ${payload.down}s × ${payload.columns.length} ${payload.across}s. ${reading()}`,
		});
		Object.assign(root.dataset, { run: payload.run, painted: 1 });
	}

	/** Cells all of whose heads are selected; without heads, the selected layer's. */
	function selectedCells({ heads, layers, columns }: EffectsPayload): At[] {
		const wanted = shown.heads.map(String);
		const found: At[] = [];
		for (const [i, own] of heads.entries()) {
			const place: At = [Math.floor(i / columns.length), i % columns.length];
			const byHead = own.length > 0 && own.every((head) => wanted.includes(String(head)));
			const byLayer = own.length === 0 && shown.layer !== null && layers[place[0]] === shown.layer;
			if ((byHead || byLayer) && Number.isFinite(scene?.values[i])) found.push(place);
		}
		return found;
	}

	const range = (low: number, high: number) => `${inCell(low)} to ${inCell(high)}`;

	/** One cell in words: under the pointer, else at the cursor. */
	function reading(): string {
		const place = hover ?? cursor;
		if (!scene || !place) return "";
		const { payload, values, low, high, ends } = scene;
		const i = place[0] * payload.columns.length + place[1];
		const name = `${payload.rows[place[0]]} → ${payload.columns[place[1]]}`;
		const value = values[i] as number;
		if (!Number.isFinite(value)) return `${name}: not run, or no such path`;
		const spread = Number.isFinite(low[i])
			? `, 95 % ${range(low[i] as number, high[i] as number)}`
			: "";
		const control = ends
			? `; control ${range(ends[0][i] as number, ends[1][i] as number)}`
			: "; no control";
		return `${name}: ${inCell(value)} ${payload.unit}${spread}${control}`;
	}

	const controlWords = ({ control, control_call: call, n, case: one }: EffectsPayload): string => {
		const cases = `n = ${n} ${one}${n === 1 ? "" : "s"}.`;
		if (!control) return `${cases} No control yet: ${call} runs one.`;
		return `${cases} Numbers are printed only beyond the control (${control.title}; 95 % of ${control.n} draws).`;
	};

	life.on(root, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === "Enter" && event.target === grid.box && cursor) press(cursor);
		if (event.key !== "Escape") return;
		shown = { ...shown, heads: [], layer: null };
		links.edit(shown);
		draw();
	});

	kept = model.get("kept") ?? kept;
	status = model.get("status") ?? status;
	remake();
	onTrait("payload", () => {
		at.recovered();
		remake();
	});
	const links = linkSelection(at, {
		texts: () => [],
		has: () => true,
		show: (selection) => {
			shown = selection;
			draw();
		},
		links: (to) => {
			warning = to.warning;
			draw();
		},
		told: (to) => {
			offline = to;
			draw();
		},
	});
	onTrait("status", (to) => {
		status = to ?? NOT_RUN;
		draw();
	});
	life.resized(root, draw);
	hideStaticCopies(model.get("view_id") ?? "", life);
	life.guard(paint)();
	life.frame(() => void loadTools());
}

export default { render: mount("effects", effects) };
