// Every route, status and schema of /openapi.json, answered by real relays.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../support/js/deadline.mjs";
import { Relay } from "../support/js/relay.mjs";
import { Document } from "./document.mjs";
import { ask, idleConnection } from "./http.mjs";

const ORIGIN = "https://app.acme.test";
const KEY = "key-of-acme-0123456789";
const ADMIN = "admin-token-0123456789";
const BODY_OCTETS_TOO_MANY = 70_000;

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const origin = { origin: ORIGIN };
const form = (fields) => ({
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
});
const json = (value) => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

const quota = (csp, media, volume = "1 GB") => `[csp.${csp}.quota.${media}]\nvolume = "${volume}"\nperiod = "month"\n`;
const ACME = `[csp.acme]\napi_key = "${KEY}"\nallowed_origins = ["${ORIGIN}"]\n${quota("acme", "data")}${quota("acme", "video", "0 B")}`;
const PASSING = `[csp.passing]\nallowed_origins = ["${ORIGIN}"]\n${quota("passing", "data")}`;
const HTTP = `admin_token = "${ADMIN}"\nexample = true\nrequests_per_address = 100000\n`;

describe("the HTTP API is what its OpenAPI document says", () => {
  let relay, document;
  let healthy = false;

  before(async () => {
    relay = await Relay.start({ csps: ACME + PASSING, http: HTTP, broker: "credential_ttl = \"1h\"" });
    const { status, text } = await ask(relay.baseUrl, "GET", "/openapi.json");
    assert.equal(status, 200);
    document = new Document(JSON.parse(text));
  });
  after(() => relay?.stop({ keep: !healthy }));

  /** One request to `at`; its answer has the status and problem type that are expected, and is checked. */
  async function expect(expected, method, path, { at = relay, query, headers = {}, body, enough, of = path } = {}) {
    const target = query === undefined ? path : `${path}?${new URLSearchParams(query)}`;
    const answer = await ask(at.baseUrl, method, target, { headers, body, enough });
    const [status, type] = [expected].flat();
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text.slice(0, 300)}`);
    document.check(method, of, answer);
    if (type !== undefined) {
      const problem = JSON.parse(answer.text);
      assert.equal(problem.type, `/problems/${type}`);
      assert.equal(problem.status, status);
    }
    return answer;
  }

  // What stands in a TURN username, for all to see.
  const tokenOf = (clientID) => clientID.slice(0, clientID.lastIndexOf("."));

  const issued = async (csp = "acme") => {
    const query = { cspID: csp, mediaType: "data", clientName: "alice" };
    return JSON.parse((await expect(200, "GET", "/v1/getTurnAddr", { query, headers: origin })).text).clientID;
  };

  for (const path of ["/v1/getTurnAddr", "/v1/iceServers"])
    test(`${path} answers, and says why it does not`, async () => {
      const call = { cspID: "acme", mediaType: "data", clientName: "alice" };
      await expect(200, "GET", path, { query: call, headers: bearer(KEY) });
      await expect(200, "GET", path, { query: { ...call, ttl: 60 }, headers: origin });
      for (const asked of [form, json]) {
        const refused = (expected, fields, headers = origin) => {
          const { headers: type, body } = asked({ ...call, ...fields });
          return expect(expected, "POST", path, { headers: { ...type, ...headers }, body });
        };
        await refused(200, {});
        await refused(200, { latitude: "50.11", longitude: "-8" });
        await refused([400, "bad-parameter"], { ttl: "0" });
        await refused([400, "bad-parameter"], { latitude: "50.11" });
        await refused([400, "bad-parameter"], { latitude: "91", longitude: "8" });
        await refused([400, "bad-media-type"], { mediaType: "text" });
        await refused([401, "unauthorized"], {}, {});
        await refused([401, "unauthorized"], {}, bearer("some-other-key-012345"));
        await refused([403, "origin-not-allowed"], {}, { origin: "https://elsewhere.test" });
        await refused([404, "unknown-csp"], { cspID: "nobody" });
        await refused([404, "no-quota"], { mediaType: "audio" });
        const { text } = await refused([403, "quota-exceeded"], { mediaType: "video" });
        const problem = JSON.parse(text);
        assert.deepEqual([problem.cspID, problem.mediaType, problem.limit_octets], ["acme", "video", 0]);
        assert.match(problem.period_end, /^\d{4}-\d\d-01T00:00:00Z$/);
      }
      await expect(200, "POST", path, {
        headers: { ...origin, "content-type": "application/json" },
        body: JSON.stringify({ ...call, latitude: 50.11, longitude: -8 }),
      });
      await expect([400, "bad-parameter"], "GET", path, { query: { ...call, more: "1" }, headers: origin });
      await expect([401, "unauthorized"], "GET", path, { query: call });
      await expect([403, "quota-exceeded"], "GET", path, { query: { ...call, mediaType: "video" }, headers: origin });
      await expect([404, "unknown-csp"], "GET", path, { query: { ...call, cspID: "nobody" }, headers: origin });
    });

  test("/v1/getTurnCredentials answers, and says why it does not", async () => {
    const path = "/v1/getTurnCredentials";
    const clientID = await issued();
    const short = await ask(relay.baseUrl, "GET", "/v1/getTurnAddr?cspID=acme&mediaType=data&clientName=al&ttl=1", { headers: origin });
    const shortId = JSON.parse(short.text).clientID;
    const passing = await issued("passing");
    const methods = [
      ["GET", (fields) => ({ query: fields })],
      ["POST", form],
      ["POST", json],
    ];
    for (const [method, with_] of methods) {
      const given = (fields, headers = {}) => {
        const request = with_(fields);
        return { ...request, headers: { ...request.headers, ...headers } };
      };
      await expect(200, method, path, given({ clientID }));
      await expect(200, method, path, given({ clientID, latitude: "50.11", longitude: "-8" }));
      await expect([400, "bad-parameter"], method, path, given({ clientID, longitude: "8" }));
      await expect([400, "bad-parameter"], method, path, given({}));
      await expect([401, "unauthorized"], method, path, given({ clientID }, bearer("some-other-key-012345")));
      await expect([403, "client-id-invalid"], method, path, given({ clientID: `${clientID.slice(0, -3)}AAA` }));
      await expect([403, "client-id-invalid"], method, path, given({ clientID: tokenOf(clientID) }));
      await expect([403, "origin-not-allowed"], method, path, given({ clientID }, { origin: "https://elsewhere.test" }));
    }
    await until(10_000, "the end of a client id", async () => {
      const { status, text } = await ask(relay.baseUrl, "GET", `${path}?clientID=${shortId}`);
      return status === 403 && JSON.parse(text).type === "/problems/client-id-expired";
    });
    await expect([403, "client-id-expired"], "POST", path, form({ clientID: shortId }));
    const wrongKey = { query: { clientID: shortId }, headers: bearer("some-other-key-012345") };
    for (const route of [path, "/v1/events"]) {
      await expect([403, "client-id-expired"], "GET", route, { query: { clientID: shortId } });
      await expect([401, "unauthorized"], "GET", route, wrongKey);
    }

    await relay.writeCsps(ACME);
    await relay.ctl("reload");
    await until(5000, "the CSP is gone", async () => (await ask(relay.baseUrl, "GET", `${path}?clientID=${passing}`)).status === 404);
    for (const [method, with_] of methods) await expect([404, "unknown-csp"], method, path, with_({ clientID: passing }));
    await expect([404, "unknown-csp"], "GET", "/v1/events", { query: { clientID: passing } });
    await expect([404, "unknown-csp"], "GET", "/getCredentials", { query: { clientId: passing } });
  });

  test("the TURN REST draft's request is answered, and refused", async () => {
    const call = { service: "turn", username: "alice", key: KEY, mediaType: "data" };
    for (const [method, with_] of [["GET", (query) => ({ query })], ["POST", form], ["POST", json]]) {
      await expect(200, method, "/", with_(call));
      await expect(200, method, "/", with_({ service: "turn", key: KEY }));
      await expect([400, "bad-parameter"], method, "/", with_({ ...call, service: "stun" }));
      await expect([401, "unauthorized"], method, "/", with_({ ...call, key: "some-other-key-012345" }));
      await expect([403, "quota-exceeded"], method, "/", with_({ ...call, mediaType: "video" }));
      await expect([404, "no-quota"], method, "/", with_({ ...call, mediaType: "audio" }));
    }
  });

  test("events are streamed, and their data are of the schema Event", async () => {
    const path = "/v1/events";
    const clientID = await issued();
    const whole = (text) => text.includes("data:") && text.endsWith("\n\n");
    const streams = [
      await expect(200, "GET", path, { query: { clientID }, enough: whole }),
      await expect(200, "GET", path, { headers: bearer(KEY), enough: (text) => /threshold[^]*\n\n$/.test(text) && whole(text) }),
    ];
    const fits = document.validator("/components/schemas/Event");
    assert.ok(!fits({}));
    for (const { text } of streams) {
      const data = [...text.matchAll(/^data: ?(.*)$/gm)].map(([, one]) => JSON.parse(one));
      assert.ok(data.length > 0);
      for (const one of data) assert.ok(fits(one), JSON.stringify([one, fits.errors]));
    }
    assert.match(streams[1].text, /event: threshold/); // the quota of 0 B
    await expect([400, "bad-parameter"], "GET", path, { query: { client: "x" } });
    await expect([401, "unauthorized"], "GET", path);
    await expect([403, "client-id-invalid"], "GET", path, { query: { clientID: "tb1.AAAA" } });
    await expect([403, "client-id-invalid"], "GET", path, { query: { clientID: tokenOf(clientID) } });
  });

  test("preflights are answered", async () => {
    for (const path of ["/v1/getTurnAddr", "/v1/getTurnCredentials", "/v1/iceServers", "/v1/events"]) {
      const headers = { origin: ORIGIN, "access-control-request-method": "POST" };
      const { headers: told } = await expect(204, "OPTIONS", path, { headers });
      assert.equal(told["access-control-allow-origin"], ORIGIN);
      const { headers: foreign } = await expect(204, "OPTIONS", path, { headers: { ...headers, origin: "https://x.test" } });
      assert.equal(foreign["access-control-allow-origin"], undefined);
    }
  });

  test("the reTHINK routes answer as their clients know it", async () => {
    const call = { cspId: "acme", clientName: "alice" };
    const { text } = await expect(200, "GET", "/getAppropriateTurn", { query: call });
    const [address, clientId] = JSON.parse(text);
    assert.equal(address, `127.0.0.1:${relay.port}`);
    const found = await expect(200, "GET", "/getCredentials", { query: { clientId } });
    assert.deepEqual(Object.keys(JSON.parse(found.text)), ["clientId", "password"]);
    const texts = { nobody: "CSP not found", acme: "data consumption exceeded" };
    for (const [cspId, why] of Object.entries(texts)) {
      const answer = await expect(404, "GET", "/getAppropriateTurn", { query: { ...call, cspId, mediaType: "video" } });
      assert.equal(answer.text, `Unable to get a turn server : ${why}`);
    }
    await expect([404, "no-quota"], "GET", "/getAppropriateTurn", { query: { ...call, mediaType: "audio" } });
    await expect([400, "bad-parameter"], "GET", "/getAppropriateTurn", { query: { cspId: "acme" } });
    await expect([401, "unauthorized"], "GET", "/getAppropriateTurn", { query: call, headers: bearer("some-other-key-012345") });
    await expect([403, "origin-not-allowed"], "GET", "/getAppropriateTurn", { query: call, headers: { origin: "https://x.test" } });
    await expect([400, "bad-parameter"], "GET", "/getCredentials");
    await expect([401, "unauthorized"], "GET", "/getCredentials", { query: { clientId }, headers: bearer("some-other-key-012345") });
    await expect([403, "client-id-invalid"], "GET", "/getCredentials", { query: { clientId: "tb1.AAAA" } });
    await expect([403, "client-id-invalid"], "GET", "/getCredentials", { query: { clientId: tokenOf(clientId) } });

    const headers = bearer(ADMIN);
    const all = await expect(200, "GET", "/getAllCspInfo", { headers });
    assert.deepEqual(JSON.parse(all.text), [{ videoQuota: "0", audioQuota: "0", dataQuota: "1000000000", csp: "prov:acme" }]);
    const one = await expect(200, "GET", "/getCspConso", { headers, query: { cspkey: "prov:acme" } });
    assert.deepEqual(JSON.parse(one.text), { audio: "0", video: "0", data: "0" });
    await expect([404, "unknown-csp"], "GET", "/getCspConso", { headers, query: { cspkey: "prov:nobody" } });
    for (const path of ["/getAllCspInfo", "/getCspConso"]) {
      await expect([401, "unauthorized"], "GET", path, { query: { cspkey: "prov:acme" } });
      await expect([400, "bad-parameter"], "GET", path, { headers, query: { more: "1" } });
    }
    for (const { method, path, statuses } of document.operations())
      if (statuses.includes("410")) {
        const { text: said } = await expect([410, "gone"], method, path);
        assert.match(said, /turnbroker\.toml/);
      }
  });

  test("the admin routes answer to the token, and to nothing else", async () => {
    const headers = bearer(ADMIN);
    const clientID = await issued();
    const posted = (path, value, expected = 200) => {
      const { headers: type, body } = json(value);
      return expect(expected, "POST", path, { headers: { ...type, ...headers }, body });
    };
    const asked = ["usage", "allocations", "status", "relays", "domains", "fleet/usage", "ledger/check"];
    for (const path of [...asked.map((name) => `/v1/admin/${name}`), "/metrics"]) {
      await expect(200, "GET", path, { headers });
      await expect(400, "GET", path, { headers, query: { more: "1" } });
    }
    await expect(404, "GET", "/v1/admin/usage", { headers, query: { csp: "nobody" } });
    const json200 = async (path, query) => JSON.parse((await expect(200, "GET", path, { headers, query })).text);
    const { accounts } = await json200("/v1/admin/fleet/usage", { csp: "acme", clients: "1", by_relay: "1" });
    assert.ok(accounts.length > 0 && accounts.every(({ csp, relays }) => csp === "acme" && relays.length === 1));
    assert.deepEqual((await json200("/v1/admin/relays")).relays.map(({ relay: id }) => id), ["test"]);
    const { ok, accounts: checked } = await json200("/v1/admin/ledger/check");
    assert.ok(ok && checked > 0);
    await posted("/v1/admin/cut", { csp: "acme" });
    await posted("/v1/admin/cut", {}, 400);
    await posted("/v1/admin/cut", { id: "0000000000000000-1" }, 404);
    const credentials = { csp: "acme", media: "data", client: "bob" };
    await posted("/v1/admin/credentials", credentials);
    await posted("/v1/admin/credentials", { csp: "acme" }, 400);
    await posted("/v1/admin/credentials", { ...credentials, csp: "nobody" }, [422, "refused"]);
    const { text: revoked } = await posted("/v1/admin/revoke", { client_id: clientID });
    assert.equal(JSON.parse(revoked).revoked, tokenOf(clientID));
    await posted("/v1/admin/revoke", { client_id: clientID.slice(0, -1) }, 400);
    await expect([403, "client-id-invalid"], "GET", "/v1/getTurnCredentials", { query: { clientID } });
    await posted("/v1/admin/revoke", {}, 400);
    await posted("/v1/admin/revoke", { csp: "nobody" }, [422, "refused"]);
    await expect(200, "POST", "/v1/admin/reload", { headers });
    await posted("/v1/admin/reload", {}, 400);
    const drain = "/v1/admin/drain";
    await posted(drain, { deadline: 0 }, 400);
    await posted(drain, { cancel: true }, [422, "refused"]);
    await posted(drain, { stay: true });
    await posted(drain, { deadline: 600, stay: true });
    await expect(200, "GET", "/v1/admin/status", { headers });
    const query = { cspID: "acme", mediaType: "data", clientName: "alice" };
    for (const path of ["/v1/getTurnAddr", "/v1/iceServers", "/readyz"]) {
      const asked = path === "/readyz" ? {} : { query, headers: bearer(KEY) };
      const { text: said } = await expect([503, "no-healthy-relay"], "GET", path, asked);
      assert.equal(JSON.parse(said).detail, "the relay is draining");
    }
    await posted(drain, { cancel: true });
    await expect(200, "GET", "/readyz");
    await relay.writeCsps("[csp.acme]\n");
    await expect([422, "refused"], "POST", "/v1/admin/reload", { headers });
    await relay.writeCsps(ACME);
    await expect(200, "POST", "/v1/admin/reload", { headers });
    for (const { method, path } of document.operations().filter(({ path }) => path.startsWith("/v1/admin/") || path === "/metrics")) {
      await expect([401, "unauthorized"], method, path);
      await expect([401, "unauthorized"], method, path, { headers: bearer(KEY) });
    }
  });

  test("files, pages and health are served", async () => {
    await expect(200, "GET", "/healthz");
    await expect(200, "GET", "/readyz");
    const pages = ["quota-exceeded", "unknown-csp", "bad-media-type", "no-quota", "bad-parameter", "unauthorized",
      "origin-not-allowed", "too-many-requests", "no-healthy-relay", "client-id-invalid", "client-id-expired",
      "gone", "too-large", "refused", "overloaded", "not-found", "method-not-allowed", "internal"];
    const files = ["/openapi.json", "/turnbroker.js", "/turnbroker.d.ts", "/call.html", "/call.js", "/call.css"];
    for (const path of [...files, ...pages.map((name) => `/problems/${name}`)]) {
      const of = path.startsWith("/problems/") ? "/problems/{name}" : path;
      const { headers } = await expect(200, "GET", path, { of });
      await expect(304, "GET", path, { of, headers: { "if-none-match": headers.etag } });
    }
    await expect([404, "not-found"], "GET", "/problems/none", { of: "/problems/{name}" });
    const { status, headers, text } = await ask(relay.baseUrl, "DELETE", "/v1/iceServers");
    assert.deepEqual([status, JSON.parse(text).type], [405, "/problems/method-not-allowed"]);
    assert.match(headers.allow, /POST/);
  });

  test("a body that is too large is refused on every route", async () => {
    for (const { method, path, statuses } of document.operations())
      if (statuses.includes("413"))
        await expect([413, "too-large"], method, path.replace("{name}", "gone"), {
          of: path,
          ...form({ clientName: "x".repeat(BODY_OCTETS_TOO_MANY) }),
        });
  });

  /** A relay whose only place is taken by a connection on which nothing is said. */
  async function withoutRoom(http, expected) {
    const full = await Relay.start({ csps: ACME, http: HTTP + http });
    try {
      const taken = await idleConnection(full.httpPort);
      for (const { method, path, statuses } of document.operations())
        if (statuses.includes(String(expected[0]))) {
          const { headers } = await expect(expected, method, path.replace("{name}", "gone"), { at: full, of: path });
          assert.match(headers["retry-after"], /^[1-9]\d*$/);
        }
      taken.destroy();
    } finally {
      await full.stop();
    }
  }

  test("an address with too many connections is told so on every route", () =>
    withoutRoom("connections_per_address = 1\n", [429, "too-many-requests"]));

  test("a server with too much to do says so on every route", () =>
    withoutRoom("connections_max = 1\n", [503, "overloaded"]));

  test("too many requests, a relay that cannot serve, and one that may not sign are told apart", async () => {
    const query = { cspID: "acme", mediaType: "data", clientName: "alice" };
    const other = await Relay.start({ csps: ACME, http: "requests_per_address = 1\n", urls: [] });
    try {
      // Three of the four that an address may ask at once.
      await expect([404, "not-found"], "GET", "/call.html", { at: other });
      await expect([404, "not-found"], "GET", "/call.js", { at: other });
      await expect([404, "not-found"], "GET", "/call.css", { at: other });
      const burst = await Promise.all(
        Array.from({ length: 12 }, () => ask(other.baseUrl, "GET", `/v1/getTurnAddr?${new URLSearchParams(query)}`, { headers: origin })),
      );
      for (const answer of burst) document.check("GET", "/v1/getTurnAddr", answer);
      const types = burst.map(({ text }) => JSON.parse(text).type);
      assert.deepEqual([...new Set(types)].sort(), ["/problems/no-healthy-relay", "/problems/too-many-requests"]);
      // Some time has passed, but no more than four may be asked at once.
      const five = await Promise.all(Array.from({ length: 5 }, () => ask(other.baseUrl, "GET", "/openapi.json")));
      for (const answer of five) document.check("GET", "/openapi.json", answer);
      const refused = five.filter(({ status }) => status !== 200);
      assert.notEqual(refused.length, 0);
      for (const { text } of refused) assert.equal(JSON.parse(text).type, "/problems/too-many-requests");
    } finally {
      await other.stop();
    }
    const csps = ACME.replace("\n", '\nsecret = "secret-of-acme-0123456789"\n');
    const unsigned = await Relay.start({ csps, secret: "" });
    try {
      await expect([500, "internal"], "GET", "/v1/getTurnAddr", { at: unsigned, query, headers: origin });
    } finally {
      await unsigned.stop();
    }
  });

  test("nothing of the document has been left out", () => {
    assert.deepEqual(document.unseen().filter((name) => !name.endsWith(" default")), []);
    healthy = true;
  });
});
