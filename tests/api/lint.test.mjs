// The OpenAPI document as a linter sees it.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createConfig, lint, lintFromString } from "@redocly/openapi-core";

const file = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../plugin/api/openapi.json");
const config = await createConfig({ extends: ["recommended"] });
const told = (problems) => problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`);

test("the OpenAPI document has no fault that Redocly's recommended rules know", async () => {
  assert.deepEqual(told(await lint({ ref: file, config })), []);
});

test("the linter finds faults where there are some", async () => {
  const source = JSON.stringify({ openapi: "3.1.0", info: { title: "x", version: "1" }, paths: { "/x": { get: {} } } });
  assert.notDeepEqual(told(await lintFromString({ source, config })), []);
});
