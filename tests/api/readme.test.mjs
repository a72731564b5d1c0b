// The curl examples of README.md, as they stand there, against the relay that scripts/run starts, and the
// first configuration there, as a new user writes it down.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child, run } from "../support/js/child.mjs";
import { until } from "../support/js/deadline.mjs";
import { build } from "../support/js/relay.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const DEMO = "http://127.0.0.1:8080"; // free: the test has a network of its own
const TIMED_OUT = 28; // curl's word for the end of --max-time

const readme = readFileSync(path.join(root, "README.md"), "utf8");

/** [{text, status}]: shell blocks with curl of the chapter, and what is said to be answered. */
function examples() {
  const [, chapter] = /^### HTTP API\n([^]*?)^### /m.exec(readme);
  return [...chapter.matchAll(/([^\n]*)\n\n```sh\n([^]*?)```/g)]
    .filter(([, , text]) => text.includes("curl"))
    .map(([, said, text]) => ({ text, status: /answers (\d{3})/.exec(said)?.[1] ?? "200" }));
}

const directory = mkdtempSync(path.join(tmpdir(), "turnbroker-readme-"));
let demo;

before(async () => {
  demo = new Child("python3", ["-B", path.join(root, "scripts/lib/run_relay.py")], {
    env: { ...process.env, TURNBROKER_DEMO: path.join(directory, "demo") },
  });
  await until(30_000, "the demo relay", () => {
    if (!demo.running) throw new Error(`the demo relay has ended:\n${demo.tail()}`);
    return demo.output.includes("Try, from another terminal");
  });
  // curl then says the status of each answer, without a word more in the examples.
  writeFileSync(path.join(directory, ".curlrc"), 'write-out = "%{stderr}\\nstatus %{http_code}\\n"\n');
});
after(async () => {
  assert.equal(await demo.stop(), 0);
  rmSync(directory, { recursive: true });
});

test("scripts/run prints where the first call can be made, and serves it there", async () => {
  assert.ok(demo.output.includes(`${DEMO}/call.html`), demo.output);
  const page = await fetch(`${DEMO}/call.html`);
  assert.equal(page.status, 200);
});

test("there are examples for all that the chapter is about", () => {
  const text = examples().map((example) => example.text).join("");
  for (const part of ["getTurnAddr", "getTurnCredentials", "iceServers", "service=turn", "events", "admin/", "readyz"])
    assert.ok(text.includes(part), part);
  for (const { text: one } of examples()) assert.ok(one.includes(DEMO), one);
});

for (const { text, status } of examples())
  test(`README: ${text.split("\n").at(-2).trim()}`, async () => {
    const shell = new Child("bash", ["-uo", "pipefail", "-c", text], {
      env: { ...process.env, CURL_HOME: directory, HOME: directory },
      cwd: root,
    });
    const [exit] = await shell.ended;
    const statuses = [...shell.output.matchAll(/^status (\d+)$/gm)].map(([, one]) => one);
    assert.ok(statuses.length > 0, shell.output);
    assert.deepEqual([...new Set(statuses)], [status], shell.output);
    assert.ok(exit === 0 || (exit === TIMED_OUT && text.includes("--max-time")), `${exit}\n${shell.output}`);
    if (text.includes("/v1/events")) assert.match(shell.output, /^event: usage$/m);
  });

test("README: who was revoked gets no credentials any more", async () => {
  const { text } = examples().find((example) => example.text.includes("/v1/admin/revoke"));
  const again = `\ncurl -sS ${DEMO}/v1/getTurnCredentials -d clientID="$clientID"\n`;
  const output = await run("bash", ["-euo", "pipefail", "-c", text + again], {
    env: { ...process.env, CURL_HOME: directory, HOME: directory },
  });
  assert.deepEqual([...output.matchAll(/^status (\d+)$/gm)].map(([, one]) => one), ["200", "200", "403"], output);
});

test("README: the first configuration is good once what stands below it is done", async () => {
  const [, chapter] = /^### Configuration\n([^]*?)^### /m.exec(readme);
  const [, toml, shell] = /```toml\n([^]*?)```[^]*?```sh\n([^]*?)```/.exec(chapter);
  const cwd = path.join(directory, "etc");
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, "turnbroker.toml"), toml);
  await run("bash", ["-euo", "pipefail", "-c", shell], { cwd });
  const checked = await run(path.join(build, "bin/turnbrokerctl"), ["check-config", "turnbroker.toml"], { cwd });
  assert.equal(checked, "turnbroker.toml: ok, 1 CSP\n");
});

test("README: a password is not minted without the secret", async () => {
  const [text] = /^username=.*\npassword=.*\n/m.exec(readme);
  const mint = (secret) => run("bash", ["-c", `${secret}\n${text}echo "password: $password"`]);
  assert.match(await mint("secret=0123456789abcdef"), /^password: [A-Za-z0-9+/]{27}=\n$/);
  const without = await mint("unset secret");
  assert.match(without, /secret: parameter null or not set/);
  assert.match(without, /^password: $/m);
});

test("the module works in Node.js against the demo relay", async () => {
  const script = `
    import { turnbroker } from ${JSON.stringify(path.join(root, "plugin/web/turnbroker.js"))};
    const broker = turnbroker({ baseUrl: "${DEMO}", apiKey: "demo-api-key-0123456789" });
    // Not alice: an id of hers of this second has been revoked, and would be the same.
    const clientID = await broker.getTurnAddr("demo", "data", "bob");
    const { iceServers } = await broker.getTurnCredentials(clientID);
    const usage = await new Promise((onUsage, onError) => {
      const watch = broker.watch(clientID, { onUsage: (event) => (watch.close(), onUsage(event)), onError });
    });
    console.log(iceServers.length, usage.cspID, usage.mediaType);
  `;
  const output = await run("node", ["--input-type=module", "-e", script]);
  assert.equal(output.trim(), "1 demo data");
});
