import { drawing } from "./drawing";

export type Format = "svg" | "png";

/** Width of the file, and of the figure that is laid out for it, in pixels. */
const SIZES: Record<string, readonly [width: string, layout: number, scale: number]> = {
	"85 mm": ["85mm", 430, 3],
	"174 mm": ["174mm", 680, 3],
	"1600 px": ["1600px", 1067, 3],
};

/** A view that can be drawn again, in another width and theme. */
export type Drawn = { root: HTMLElement; redraw(): void };

/** The figure as it stands, in light, on white or on nothing, as wide as a column or a slide. */
export async function pictureFile(
	{ root, redraw }: Drawn,
	format: Format,
	name: string,
	clear: boolean,
): Promise<Blob> {
	const [width, layout, scale] = SIZES[name] ?? (SIZES["174 mm"] as (typeof SIZES)[string]);
	const before = { style: root.style.cssText, theme: root.dataset.theme ?? "light" };
	let svg: SVGSVGElement;
	try {
		root.dataset.theme = "light";
		root.classList.add("iw-picture");
		root.style.cssText = `box-sizing:border-box;width:${layout}px;max-width:none;--jp-layout-color0:#fff`;
		redraw();
		svg = drawing(root, width, layout, clear);
	} finally {
		root.classList.remove("iw-picture");
		root.style.cssText = before.style;
		root.dataset.theme = before.theme;
		redraw();
	}
	const text = new XMLSerializer().serializeToString(svg);
	const blob = new Blob([text], { type: "image/svg+xml" });
	return format === "svg" ? blob : raster(blob, layout * scale, svg);
}

async function raster(blob: Blob, width: number, svg: SVGSVGElement): Promise<Blob> {
	const image = new Image();
	const url = URL.createObjectURL(blob);
	try {
		image.src = url;
		await image.decode();
		const canvas = document.createElement("canvas");
		const { width: across, height: down } = svg.viewBox.baseVal;
		canvas.width = width;
		canvas.height = Math.round((width * down) / across);
		canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
		return await new Promise((resolve, reject) =>
			canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("no PNG"))), "image/png"),
		);
	} finally {
		URL.revokeObjectURL(url);
	}
}
