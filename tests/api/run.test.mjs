// scripts/run on a directory that an earlier one has left.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "../support/js/child.mjs";
import { until } from "../support/js/deadline.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const OLD = `# of mine
[csp.demo]
name = "Demo"

[csp.demo.quota.data]
volume = "7 MB"
period = "total"
`;
const ORIGINS = 'allowed_origins = ["http://127.0.0.1:8080", "http://localhost:8080"]';
const KEY = 'api_key = "demo-api-key-0123456789"';

/** What scripts/run prints with that csp.d/demo.toml, and what the file is afterwards. */
async function run(quotas) {
  const directory = mkdtempSync(path.join(tmpdir(), "turnbroker-run-"));
  const file = path.join(directory, "csp.d/demo.toml");
  mkdirSync(path.dirname(file));
  writeFileSync(file, quotas);
  const relay = new Child("python3", ["-B", path.join(root, "scripts/lib/run_relay.py")], {
    env: { ...process.env, TURNBROKER_DEMO: directory },
  });
  try {
    await until(30_000, "the relay", () => {
      if (!relay.running) throw new Error(`the relay has ended:\n${relay.tail()}`);
      return relay.output.includes("Try, from another terminal");
    });
  } finally {
    assert.equal(await relay.stop(), 0);
  }
  const left = readFileSync(file, "utf8");
  rmSync(directory, { recursive: true });
  return { printed: relay.output, left };
}

test("a quota file without a key and origins stays as it is, and the lines it lacks are printed", async () => {
  const { printed, left } = await run(OLD);
  assert.equal(left, OLD);
  assert.match(printed, /^Without these lines in \[csp\.demo\]/m);
  assert.ok(printed.includes(`    ${KEY}\n    ${ORIGINS}\n`), printed);
});

test("a key of one's own will do, and nothing is printed when nothing is missing", async () => {
  const keyed = await run(OLD.replace('"Demo"', '"Demo"\napi_keys = ["my-own-key-0123456789"]'));
  assert.ok(!keyed.printed.includes("    api_key"), keyed.printed);
  assert.ok(keyed.printed.includes(`    ${ORIGINS}\n`), keyed.printed);
  const whole = await run(OLD.replace('"Demo"', `"Demo"\n${KEY}\n${ORIGINS}`));
  assert.ok(!whole.printed.includes("Without these lines"), whole.printed);
});
