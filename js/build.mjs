// A view is a module that draws it, parts that it fetches later, and a style sheet; beside them
// the host of exported pages.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

// Every view carries its first module, so that one is short; its parts are fetched once a page.
const VIEW_LIMIT = 25_600;
const LIMIT = 42 * 1024;
const BANNER = "/* generated: js/build.mjs */";
const here = path.dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const watch = args.includes("--watch");

function outDir() {
	const at = args.indexOf("--out");
	if (at < 0) return path.join(here, "..", "interpwidgets", "static");
	if (!args[at + 1]) throw new Error("--out needs a folder");
	return path.resolve(args[at + 1]);
}

/** By view: `views/x/index.ts` becomes x.js, `views/x/tools/index.ts` becomes x.tools.js. */
function viewEntries() {
	const views = path.join(here, "src", "views");
	const entries = (name) => {
		const parts = readdirSync(path.join(views, name)).sort();
		const files = parts.map((part) => [
			`${name}.${part}`,
			path.join(views, name, part, "index.ts"),
		]);
		const all = [[name, path.join(views, name, "index.ts")], ...files];
		return Object.fromEntries(all.filter(([, file]) => existsSync(file)));
	};
	return readdirSync(views)
		.sort()
		.map(entries)
		.filter((found) => Object.keys(found).length);
}

// Long names of the grid, which travel in the first module of every view that has one. The short
// ones are fixed, for the parts of a view are bundled apart and share its objects.
const SHORT = {
	cellHeight: "cH",
	cellWidth: "cW",
	columnsAt: "cA",
	firstPin: "fP",
	leastWidth: "lW",
	mostWidth: "mW",
	overhang: "oH",
	wordWidth: "wW",
};

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
	mangleProps: new RegExp(`^(${Object.keys(SHORT).join("|")})$`),
	mangleCache: SHORT,
	sourcemap: watch ? "inline" : false,
	metafile: true,
	logLevel: "warning",
};

/** Names the sources of a view, so that its two modules know each other. */
async function digest(entryPoints) {
	const dry = { ...common, entryPoints, format: "esm", write: false, define: { __BUILD__: '""' } };
	const { inputs } = (await esbuild.build(dry)).metafile;
	const hash = createHash("sha256");
	for (const file of Object.keys(inputs).sort()) hash.update(readFileSync(path.join(here, file)));
	return hash.digest("hex").slice(0, 16);
}

/** The style sheet is the first module's: what a part adds to it has to be imported there. */
async function viewJobs(entryPoints) {
	const define = { __BUILD__: JSON.stringify(await digest(entryPoints)) };
	const job = { ...common, format: "esm", define };
	const isFirst = ([name]) => !name.includes(".");
	const all = Object.entries(entryPoints);
	const first = Object.fromEntries(all.filter(isFirst));
	const parts = Object.fromEntries(all.filter((entry) => !isFirst(entry)));
	return [
		{ ...job, entryPoints: first },
		{ ...job, entryPoints: parts, loader: { ".css": "empty" } },
	];
}

function checkSizes(outputs) {
	for (const [file, { bytes }] of Object.entries(outputs)) {
		const name = path.basename(file);
		const limit = /^[a-z_]+\.js$/.test(name) ? VIEW_LIMIT : LIMIT;
		console.log(`${name.padEnd(20)} ${bytes.toLocaleString("en")} bytes`);
		if (bytes > limit) throw new Error(`${name} is over ${limit} bytes: ${bytes}`);
	}
}

const host = { host: path.join(here, "src", "host", "index.ts") };
const jobs = [
	...(await Promise.all(viewEntries().map(viewJobs))).flat(),
	{ ...common, entryPoints: host, format: "iife" },
];
for (const job of jobs) {
	if (watch) await (await esbuild.context(job)).watch();
	else checkSizes((await esbuild.build(job)).metafile.outputs);
}
