// One self-contained module and style sheet per view, plus the host of exported pages.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const LIMIT = 42 * 1024;
const BANNER = "/* generated, do not edit: npm run build in js/ */";
const here = path.dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const watch = args.includes("--watch");

function outDir() {
	const at = args.indexOf("--out");
	if (at < 0) return path.join(here, "..", "interpwidgets", "static");
	if (!args[at + 1]) throw new Error("--out needs a folder");
	return path.resolve(args[at + 1]);
}

function viewEntries() {
	const views = path.join(here, "src", "views");
	const names = readdirSync(views).sort();
	const entry = (name) => path.join(views, name, "index.ts");
	return Object.fromEntries(
		names.filter((name) => existsSync(entry(name))).map((name) => [name, entry(name)]),
	);
}

const common = {
	absWorkingDir: here,
	outdir: outDir(),
	bundle: true,
	splitting: false, // a blob: module cannot import a sibling chunk
	target: ["es2022"],
	charset: "utf8",
	legalComments: "inline",
	banner: { js: BANNER, css: BANNER },
	minify: !watch,
	sourcemap: watch ? "inline" : false,
	metafile: true,
	logLevel: "warning",
};
const jobs = [
	{ ...common, entryPoints: viewEntries(), format: "esm" },
	{ ...common, entryPoints: { host: path.join(here, "src", "host", "index.ts") }, format: "iife" },
];

function checkSizes(outputs) {
	for (const [file, { bytes }] of Object.entries(outputs)) {
		console.log(`${path.basename(file).padEnd(16)} ${bytes.toLocaleString("en")} bytes`);
		if (bytes > LIMIT) throw new Error(`${path.basename(file)} is over ${LIMIT} bytes: ${bytes}`);
	}
}

for (const job of jobs) {
	if (watch) await (await esbuild.context(job)).watch();
	else checkSizes((await esbuild.build(job)).metafile.outputs);
}
