// turnbroker.js against a server that answers what each test says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import * as module from "../../plugin/web/turnbroker.js";
import { until, within } from "../support/js/deadline.mjs";

const { TurnBrokerError, QuotaExceededError, ClientIdError, NetworkError } = module;

const STEP_MS = 5000;
const CALL = { cspID: "acme", mediaType: "video", clientName: "alice" };

let server, baseUrl, requests, answer;
let watches = []; // all that a test began: none goes on trying when it is over

function turnbroker(options) {
  const broker = module.turnbroker(options);
  const watch = broker.watch.bind(broker);
  broker.watch = (...args) => {
    watches.push(watch(...args));
    return watches.at(-1);
  };
  return broker;
}

before(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text) => (body += text));
    request.on("end", () => {
      const url = new URL(request.url, "http://localhost");
      const seen = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body, response };
      seen.gone = once(response, "close");
      requests.push(seen);
      answer(seen, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  baseUrl = `http://127.0.0.1:${server.address().port}`;
});
beforeEach(() => {
  requests = [];
  answer = (_, response) => response.writeHead(500).end();
});
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const json = (value, status = 200, headers = {}) => (_, response) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

function events(seen, response, text = "") {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`: here\n\n${text}`);
}

const event = (name, id, about = {}) =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify({ cspID: "acme", mediaType: "video", ...about })}\n\n`;

const request = (count) => until(STEP_MS, `request ${count}`, () => requests[count - 1]);

test("getTurnAddr posts its three parameters, in either form", async () => {
  answer = json({ clientID: "tb1.x", urls: [], relay: "r", expiry: 1, ttl: 2 });
  const broker = turnbroker({ baseUrl });
  assert.equal((await broker.getTurnAddr("acme", "video", "alice")).clientID, "tb1.x");
  await broker.getTurnAddr({ ...CALL, ttl: 60 });
  for (const seen of requests) {
    assert.equal(seen.method, "POST");
    assert.equal(seen.path, "/v1/getTurnAddr");
    assert.equal(seen.query.size ?? [...seen.query].length, 0);
    assert.equal(seen.headers.authorization, undefined);
    assert.match(seen.headers["content-type"], /^application\/x-www-form-urlencoded/);
  }
  assert.equal(requests[0].body, "cspID=acme&mediaType=video&clientName=alice");
  assert.equal(requests[1].body, "cspID=acme&mediaType=video&clientName=alice&ttl=60");
});

test("getTurnCredentials takes the id or all that getTurnAddr answered, below any path, with the API key", async () => {
  answer = json({ username: "u", password: "p", ttl: 1, uris: [], iceServers: [] });
  const broker = turnbroker({ baseUrl: `${baseUrl}/behind/proxy`, apiKey: "key-of-acme" });
  await broker.getTurnCredentials("tb1.x");
  await broker.getTurnCredentials({ clientID: "tb1.x" });
  for (const seen of requests) {
    assert.equal(seen.path, "/behind/proxy/v1/getTurnCredentials");
    assert.equal(seen.body, "clientID=tb1.x");
    assert.equal(seen.headers.authorization, "Bearer key-of-acme");
  }
});

test("rtcConfiguration is one request and relays everything", async () => {
  const iceServers = [{ urls: ["turn:127.0.0.1"], username: "u", credential: "p" }];
  answer = json({ clientID: "tb1.x", iceServers });
  const configuration = await turnbroker({ baseUrl }).rtcConfiguration(CALL);
  assert.deepEqual(configuration, { iceServers, iceTransportPolicy: "relay", clientID: "tb1.x" });
  assert.deepEqual(requests.map(({ path }) => path), ["/v1/iceServers"]);
});

test("what is not a string is refused before anything is asked", async () => {
  const broker = turnbroker({ baseUrl });
  await assert.rejects(broker.getTurnAddr({ cspID: "acme", mediaType: "video" }), TypeError);
  await assert.rejects(broker.getTurnCredentials(undefined), TypeError);
  assert.throws(() => broker.watch({}), TypeError);
  assert.throws(() => turnbroker(), TypeError);
  assert.equal(requests.length, 0);
});

const KINDS = {
  "quota-exceeded": [403, "QuotaExceededError"],
  "unknown-csp": [404, "UnknownCspError"],
  "bad-media-type": [400, "BadMediaTypeError"],
  "no-quota": [404, "NoQuotaError"],
  "no-healthy-relay": [503, "NoRelayError"],
  unauthorized: [401, "UnauthorizedError"],
  "origin-not-allowed": [403, "OriginError"],
  "too-many-requests": [429, "RateLimitedError"],
  "client-id-invalid": [403, "ClientIdError"],
  "client-id-expired": [403, "ClientIdError"],
  overloaded: [503, "TurnBrokerError"],
  constructor: [500, "TurnBrokerError"],
};
for (const [type, [status, name]] of Object.entries(KINDS))
  test(`a problem of type ${type} is thrown as ${name}`, async () => {
    const problem = { type: `/problems/${type}`, title: "T", status, detail: "What is wrong." };
    answer = json(problem, status, { "retry-after": "7" });
    const error = await turnbroker({ baseUrl }).getTurnAddr(CALL).then(assert.fail, (thrown) => thrown);
    assert.ok(error instanceof TurnBrokerError && error instanceof module[name]);
    assert.equal(error.name, name);
    assert.equal(error.type, type);
    assert.equal(error.status, status);
    assert.deepEqual(error.problem, problem);
    assert.equal(error.message, "What is wrong.");
    assert.equal(error.retryAfter, 7);
    if (error instanceof ClientIdError) assert.equal(error.expired, type === "client-id-expired");
  });

test("a quota that is exceeded names its account and when the period ends", async () => {
  const problem = {
    type: "/problems/quota-exceeded", cspID: "acme", mediaType: "video", period: "2026-11",
    limit_octets: 10, used_octets: 9, period_end: "2026-12-01T00:00:00Z",
  };
  answer = json(problem, 403);
  const error = await turnbroker({ baseUrl }).getTurnAddr(CALL).then(assert.fail, (thrown) => thrown);
  assert.ok(error instanceof QuotaExceededError);
  assert.deepEqual(
    [error.cspID, error.mediaType, error.clientName, error.period, error.limitOctets, error.usedOctets],
    ["acme", "video", null, "2026-11", 10, 9],
  );
  assert.equal(error.periodEnd.getTime(), Date.UTC(2026, 11, 1));
});

test("an answer that is no problem document, and none at all, are errors too", async () => {
  const broker = turnbroker({ baseUrl });
  answer = (_, response) => response.writeHead(502).end("<html>Bad gateway");
  const refused = await broker.getTurnAddr(CALL).then(assert.fail, (thrown) => thrown);
  assert.deepEqual([refused.name, refused.status, refused.problem], ["TurnBrokerError", 502, null]);
  answer = (seen) => seen.response.destroy();
  const broken = await broker.getTurnAddr(CALL).then(assert.fail, (thrown) => thrown);
  assert.ok(broken instanceof NetworkError && broken.cause !== undefined);
  answer = (_, response) => response.end("not JSON");
  await assert.rejects(broker.getTurnAddr(CALL), NetworkError);
});

/** A broker that has three client ids of three accounts, two of one CSP. */
async function brokerWithIds(...calls) {
  const broker = turnbroker({ baseUrl });
  const ids = [];
  for (const call of calls) {
    answer = json({ clientID: `tb1.${ids.length}` });
    ids.push((await broker.getTurnAddr(call)).clientID);
  }
  requests = [];
  return [broker, ids];
}

test("all watches share one connection, and each hears of its own account and client", async () => {
  const [broker, ids] = await brokerWithIds(CALL, { ...CALL, clientName: "bob" }, { ...CALL, mediaType: "data" });
  const heard = [[], [], []];
  answer = events;
  ids.forEach((id, i) => {
    const note = (told) => heard[i].push(told.event);
    broker.watch(id, { onUsage: note, onThreshold: note, onCut: note, onRestored: note, onLost: note });
  });
  const { response, query, method } = await request(1);
  assert.equal(method, "GET");
  assert.deepEqual(query.getAll("clientID"), ids);
  response.write(event("usage", 1) + event("usage", 2, { mediaType: "data" }) + event("threshold", 3, { percent: 80 }));
  response.write(event("cut", 4, { clientName: "bob" }) + event("unheard-of", 5) + event("usage", 6, { cspID: "other" }));
  response.write('event: lost\nid: 7\ndata: {"events":3}\n\n' + event("restored", 8, { mediaType: "data" }));
  await until(STEP_MS, "the last event", () => heard[2].includes("restored"));
  assert.deepEqual(heard, [
    ["usage", "threshold", "lost"],
    ["usage", "threshold", "cut", "lost"],
    ["usage", "lost", "restored"],
  ]);
  assert.equal(requests.length, 1);
  for (const watch of watches) watch.close();
  await within(STEP_MS, "the end of the connection", requests[0].gone);
});

test("events are read however they are cut into pieces, and a handler that throws stops nothing", async (t) => {
  const [broker, [id]] = await brokerWithIds(CALL);
  const heard = [];
  const thrown = [];
  globalThis.reportError = (error) => thrown.push(error.message); // as in a browser
  t.after(() => delete globalThis.reportError);
  answer = events;
  broker.watch(id, {
    onUsage: (told) => heard.push(told.used_octets),
    onCut() {
      throw new Error("a page's own fault");
    },
  });
  const { response } = await request(1);
  const octets = Buffer.from(event("usage", 1, { name: "Ünï€", used_octets: 1 }).replaceAll("\n", "\r\n"));
  for (const octet of octets) {
    await new Promise((resolve) => response.write(Buffer.from([octet]), resolve));
  }
  response.write(event("cut", 2, { clientName: "alice" }) + "data: not\ndata: JSON\nevent: usage\n\n" + event("usage", 3, { used_octets: 2 }));
  await until(STEP_MS, "the last event", () => heard.length === 2 && thrown.length === 1);
  assert.deepEqual(heard, [1, 2]);
});

test("a connection that breaks is made again, with the id of the last event, and is announced", async () => {
  const [broker, [id]] = await brokerWithIds(CALL);
  const errors = [];
  answer = (seen, response) => events(seen, response, "retry: 1\n\n" + event("usage", 41));
  broker.watch(id, { onError: (error) => errors.push(error) });
  (await request(1)).response.destroy();
  const second = await request(2);
  assert.equal(second.headers["last-event-id"], "41");
  assert.ok(errors[0] instanceof NetworkError && errors[0].retrying);
  answer = json({ type: "/problems/overloaded", detail: "full" }, 503);
  second.response.end();
  await request(4);
  assert.deepEqual([errors[2].type, errors[2].retrying], ["overloaded", true]);
});

test("a refusal that stays one ends the watch", async () => {
  const [broker, [id]] = await brokerWithIds(CALL);
  answer = json({ type: "/problems/client-id-expired", detail: "over" }, 403);
  const error = await within(STEP_MS, "onError", new Promise((onError) => broker.watch(id, { onError })));
  assert.ok(error instanceof ClientIdError && error.expired && !error.retrying);
  assert.equal(requests.length, 1);
});

test("one client id that is refused does not end the watches of the others", async () => {
  const [broker, ids] = await brokerWithIds(CALL, { ...CALL, mediaType: "data" });
  const refused = json({ type: "/problems/client-id-expired", detail: "over" }, 403);
  answer = (seen, response) => {
    const asked = seen.path === "/v1/events" ? seen.query.getAll("clientID") : [new URLSearchParams(seen.body).get("clientID")];
    if (asked.includes(ids[0])) refused(seen, response);
    else if (seen.path === "/v1/events") events(seen, response, event("usage", 1, { mediaType: "data" }));
    else json({})(seen, response);
  };
  const ended = new Promise((onError) => broker.watch(ids[0], { onError }));
  const usage = new Promise((onUsage) => broker.watch(ids[1], { onUsage }));
  assert.ok((await within(STEP_MS, "onError", ended)) instanceof ClientIdError);
  await within(STEP_MS, "onUsage", usage);
});

test("a later watch joins the connection, which loses nothing; sixteen ids fill it", async () => {
  const calls = Array.from({ length: 17 }, (_, i) => ({ ...CALL, clientName: `client-${i}` }));
  const [broker, ids] = await brokerWithIds(...calls);
  answer = (seen, response) => events(seen, response, event("usage", 7));
  const first = new Promise((onUsage) => broker.watch(ids[0], { onUsage }));
  await within(STEP_MS, "onUsage", first);
  for (const id of ids.slice(1)) broker.watch(id, {});
  await request(3);
  const sizes = requests.map(({ query }) => query.getAll("clientID").length);
  assert.deepEqual(sizes.sort((a, b) => a - b), [1, 1, 16]);
  const joined = requests.find(({ query }) => query.getAll("clientID").length === 16);
  assert.equal(joined.headers["last-event-id"], "7");
  await within(STEP_MS, "the end of the first connection", requests[0].gone);
});

test("client ids whose account this page does not know have a connection each, up to four", async () => {
  const broker = turnbroker({ baseUrl });
  answer = events;
  for (const id of ["tb1.a", "tb1.b", "tb1.c", "tb1.d"]) broker.watch(id);
  await request(4);
  assert.throws(() => broker.watch("tb1.e"), RangeError);
  watches[0].close();
  broker.watch("tb1.e");
  assert.deepEqual((await request(5)).query.getAll("clientID"), ["tb1.e"]);
});
