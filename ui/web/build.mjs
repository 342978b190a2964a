// Bundles each entry of this folder into ui/bundles, with the licences of what went in.
//
//     node build.mjs [FOLDER]
//
// What lies in ui/assets stays a module of its own, asked for by its address (/ui/NAME.js): bundles and
// scripts of the page share its state.

import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "..", "bundles"));
/** One bundle each: a folder with a main.ts. */
const entries = (await readdir(here, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() && !["node_modules", "types"].includes(entry.name))
  .map((entry) => entry.name)
  .sort();

await mkdir(out, { recursive: true });
const packages = new Set();
for (const entry of entries) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [`${entry}/main.ts`],
    outfile: join(out, `${entry}.js`),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    external: ["/ui/*"],
    // Parts of packages that nothing of ours runs.
    alias: { dcmjs: "./types/dcmjs.ts", xmlbuilder2: "./types/xmlbuilder2.ts" },
    metafile: true,
    logLevel: "warning",
  });
  for (const input of Object.keys(result.metafile.inputs)) {
    const name = packageOf(input);
    if (name) packages.add(name);
  }
}
await writeFile(join(out, "LICENSES.txt"), await licences([...packages].sort()));

/** Name of the package that `input`, a path below this folder, belongs to; null for our own sources. */
function packageOf(input) {
  const inside = input.split("node_modules/").at(-1);
  if (inside === input) return null;
  return inside.split("/").slice(0, inside.startsWith("@") ? 2 : 1).join("/");
}

async function licences(names) {
  const parts = [];
  for (const name of names) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), "utf8") : "";
    parts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(78)}\n\n`);
}
