// node dev/page.mjs OUT.html [THEME]: the built views on invented numbers, to look at.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cases } from "./cases.mjs";

const [out, theme = "light"] = process.argv.slice(2);
if (!out) throw new Error("usage: node dev/page.mjs OUT.html [light|dark]");
const here = path.dirname(fileURLToPath(import.meta.url));
const bundle = (name) =>
	readFileSync(path.join(here, "..", "..", "interpwidgets", "static", name), "utf8");
const embedded = (text) => text.replaceAll("<", "\\u003c");

const views = Object.fromEntries(
	Object.entries(cases()).map(([key, view]) => [key, { widget: "attention", ...view }]),
);
const modules = {
	attention: {
		esm: bundle("attention.js"),
		css: bundle("attention.css"),
		parts: { tools: bundle("attention.tools.js"), picture: bundle("attention.picture.js") },
	},
};
const paper = theme === "dark" ? "#111" : "#fff";
const mounts = Object.keys(views)
	.map((key) => `<h2>${key}</h2><div class="iw-mount" data-iw-key="${key}"></div>`)
	.join("\n");
writeFileSync(
	out,
	`<!doctype html><meta charset="utf-8"><title>views</title>
<style>body{margin:24px;background:${paper}}h2{font:12px monospace;color:#888;margin:40px 0 8px}</style>
${mounts}
<script type="application/vnd.interpwidgets.page+json" id="iw-page">${embedded(JSON.stringify({ views, modules }))}</script>
<script>${bundle("host.js").replaceAll("</script", "<\\/script")}</script>`,
);
