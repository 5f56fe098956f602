// Builds the console: node build.mjs OPENAPI OUT, in a folder with the sources and node_modules beside it. Types are made of
// the API's own document, TypeScript's compiler checks, esbuild bundles and splits, and every file lies in OUT with a name that
// changes with its bytes, as it is and compressed. Ends with the sizes, and fails where a page's are over the limit.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

import { build } from "esbuild";
import openapi, { astToString } from "openapi-typescript";

/** Of gzip JavaScript, in bytes: all that a page loads when somebody comes to it first. */
const LIMIT = 120 * 1024;

const [parts, out] = process.argv.slice(2).map(name => path.resolve(name));
process.chdir(path.dirname(fileURLToPath(import.meta.url)));

/* The document as the host puts it together, of all plugins. */
function composed() {
    const read = name => JSON.parse(fs.readFileSync(path.join(parts, name), "utf8"));
    const names = fs.readdirSync(parts).filter(name => name.endsWith(".json") && name !== "common.json");
    const document = read("common.json");
    for (const part of names.sort().map(read)) {
        for (const [where, item] of Object.entries(part.paths)) {
            document.paths[where] = { ...document.paths[where], ...item };
        }
        for (const [kind, members] of Object.entries(part.components ?? {})) {
            document.components[kind] = { ...document.components[kind], ...members };
        }
    }
    return document;
}

function compile() {
    try {
        execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: ["ignore", "pipe", "inherit"] });
    }
    catch (error) {
        process.stderr.write(String(error.stdout).replace(/^src\//gm, "plugins/console/web/src/"));
        process.exit(1);
    }
}

async function bundle(assets) {
    const { metafile } = await build({
        absWorkingDir: process.cwd(),
        entryPoints: ["src/main.tsx", "src/style.css", "src/icon.svg"], bundle: true, splitting: true, format: "esm", target: "es2022",
        minify: true, jsx: "automatic", jsxImportSource: "preact", outdir: assets, entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]",
        assetNames: "[name]-[hash]", loader: { ".svg": "copy" }, metafile: true, logLevel: "warning", legalComments: "none",
    });
    return Object.fromEntries(Object.entries(metafile.outputs).map(([name, output]) => [path.basename(name), output]));
}

/* All that is loaded at once with a file. */
function closure(outputs, name, found = new Set()) {
    if (!found.has(name)) {
        found.add(name);
        outputs[name].imports.filter(one => one.kind === "import-statement").forEach(one => closure(outputs, path.basename(one.path), found));
    }
    return found;
}

function compress(assets) {
    const sizes = {};
    for (const name of fs.readdirSync(assets)) {
        const bytes = fs.readFileSync(path.join(assets, name));
        const gzip = zlib.gzipSync(bytes, { level: 9 });
        const brotli = zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
        fs.writeFileSync(path.join(assets, name + ".gz"), gzip);
        fs.writeFileSync(path.join(assets, name + ".br"), brotli);
        sizes[name] = { plain: bytes.length, gzip: gzip.length, brotli: brotli.length };
    }
    return sizes;
}

/* What each page costs whoever comes to it first, in the language with the longer texts: [page, bytes of gzip]. */
function pages(outputs, sizes, main) {
    const of = names => [...names].reduce((sum, name) => sum + sizes[name].gzip, 0);
    const from = folder => Object.entries(outputs).filter(([, output]) => output.entryPoint?.startsWith(folder)).map(([name]) => name);
    const texts = from("src/texts/").sort((a, b) => sizes[b].gzip - sizes[a].gzip)[0];
    return from("src/pages/").map(name => [path.basename(outputs[name].entryPoint, ".tsx"),
        of(new Set([...closure(outputs, main), ...closure(outputs, texts), ...closure(outputs, name)]))]).sort((a, b) => b[1] - a[1]);
}

fs.writeFileSync("src/schema.d.ts", astToString(await openapi(composed())));
compile();
const fresh = out + ".new", assets = path.join(fresh, "assets");
fs.rmSync(fresh, { recursive: true, force: true });
fs.mkdirSync(assets, { recursive: true });
const outputs = await bundle(assets);
const named = (start, end) => Object.keys(outputs).find(name => name.startsWith(start + "-") && name.endsWith(end));
const main = named("main", ".js");
const preload = [...closure(outputs, main)].filter(name => name !== main)
    .map(name => `<link rel="modulepreload" href="{{base}}/assets/${name}">`).join("\n");
const html = fs.readFileSync("index.html", "utf8").replace("%style%", named("style", ".css"))
    .replace("%main%", main).replace("%preload%\n", preload && preload + "\n");
fs.writeFileSync(path.join(fresh, "index.html"), html);
const sizes = compress(assets);
const costs = pages(outputs, sizes, main);
const kib = bytes => (bytes / 1024).toFixed(1);
console.log(`  WEB   gzip JavaScript, KiB of ${LIMIT / 1024}: ${costs.map(([page, bytes]) => `${page} ${kib(bytes)}`).join(", ")}`);
const heavy = costs.filter(([, bytes]) => bytes > LIMIT);
if (heavy.length) {
    console.error(`console: ${heavy.map(([page]) => page).join(", ")}: more gzip JavaScript than ${LIMIT / 1024} KiB: load less, or later`);
    process.exit(1);
}
fs.rmSync(out, { recursive: true, force: true });
fs.renameSync(fresh, out);
