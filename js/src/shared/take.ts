import { choice, tick } from "./controls";
import { word } from "./dom";
import type { Life } from "./life";
import { loadPart } from "./parts";
import type { Format } from "./picture/file";
import type { Rpc } from "./rpc";

/** Makes the figure a file, as wide as a column, a page or a slide. */
export type Picture<Core> = (
	core: Core,
	format: Format,
	width: string,
	clear: boolean,
) => Promise<Blob>;

const WIDTHS = ["85 mm", "174 mm", "1600 px"].map((name) => ({ name, title: name }));

function download(blob: Blob, name: string): void {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Words of the ⋯ panel: SVG, PNG, how wide, on what; the part "picture" makes the file. */
export function pictureFiles<C extends { root: HTMLElement; life: Life; rpc: Rpc }>(
	core: C,
): Node[] {
	const { life, root } = core;
	let width = "174 mm";
	const widths = choice(life, "width", (name) => {
		width = name;
		widths.show(WIDTHS, width);
	});
	widths.show(WIDTHS, width);
	let clear = false;
	const paper = tick(life, "transparent", () => {
		clear = !clear;
		paper.show(clear);
	});
	paper.show(clear);
	const save = (format: Format) => {
		const one = word(format.toUpperCase());
		life.on(one, "click", async () => {
			try {
				const picture = await loadPart<Picture<C>>("picture", core);
				download(await picture(core, format, width, clear), `${root.dataset.iw}.${format}`);
			} catch (error) {
				one.title = `not made: ${error instanceof Error ? error.message : "its code did not come"}`;
				one.textContent = `${format.toUpperCase()} failed`;
			}
		});
		return one;
	};
	return [save("svg"), save("png"), widths.node, paper.node];
}
