// turnbroker.js as a package: its types fit, and npm packs what it should.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import * as module from "../../plugin/web/turnbroker.js";
import { run } from "../support/js/child.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const web = path.join(here, "../../plugin/web");
const text = (...parts) => readFileSync(path.join(...parts), "utf8");

const options = {
  noEmit: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  baseUrl: web,
  paths: { turnbroker: ["./turnbroker.d.ts"] },
};

const program = ts.createProgram([path.join(here, "types_check.ts"), path.join(web, "turnbroker.d.ts")], options);

test("a caller's code compiles with the types, and mistakes in it do not", () => {
  const faults = ts.getPreEmitDiagnostics(program).map((fault) => {
    const where = fault.file?.getLineAndCharacterOfPosition(fault.start ?? 0);
    return `${fault.file?.fileName}:${(where?.line ?? 0) + 1}: ${ts.flattenDiagnosticMessageText(fault.messageText, "\n")}`;
  });
  assert.deepEqual(faults, []);
});

test("the types declare what the module exports, and the classes' methods", () => {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path.join(web, "turnbroker.d.ts"));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file));
  const values = exported.filter((symbol) => symbol.flags & ts.SymbolFlags.Value);
  assert.deepEqual(values.map(({ name }) => name).sort(), Object.keys(module).sort());
  for (const symbol of values.filter(({ flags }) => flags & ts.SymbolFlags.Class)) {
    const methods = [...symbol.members.values()].filter(({ flags }) => flags & ts.SymbolFlags.Method);
    const there = Object.getOwnPropertyNames(module[symbol.name].prototype).filter((name) => name !== "constructor");
    assert.deepEqual(methods.map(({ name }) => name).sort(), there.sort(), symbol.name);
  }
});

test("npm packs the module, its types and nothing else, under the project's version", async () => {
  const output = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=silent"], { cwd: web });
  const [packed] = Object.values(JSON.parse(output.slice(output.search(/^[[{]/m))));
  assert.deepEqual(packed.files.map((file) => file.path).sort(), ["package.json", "turnbroker.d.ts", "turnbroker.js"]);
  const [, version] = /^project\(turnbroker VERSION ([\d.]+)/m.exec(text(here, "../../CMakeLists.txt"));
  assert.equal(packed.version, version);
});
