// A page calls over the relay, is counted to the octet, is cut at the quota, and calls again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Capture, octetsAt } from "../support/js/capture.mjs";
import { until } from "../support/js/deadline.mjs";
import { Call, refusal } from "./call.mjs";
import { stage } from "./stage.mjs";

const FIRST_LIMIT_OCTETS = 100_000_000;
const LEFT_OCTETS = 8_000_000; // for the call that is cut
const FRAMING = 1.07;
// Less than the relay holds for a client on TCP: faster, and what does not fit is dropped, as UDP may be.
const WINDOW_OCTETS = 16_000;
const SENT_OCTETS = 1_500_000;
const PACKET_OCTETS_MAX = 1500;
const REQUEST = { cspID: "acme", mediaType: "data", clientName: "alice" };

const csps = (origin, volume) => `[csp.acme]
allowed_origins = ["${origin}"]
[csp.acme.quota.data]
volume = "${volume} B"
period = "total"
`;

const sum = (records) =>
  records.reduce((octets, one) => octets + one.client_to_peer_octets + one.peer_to_client_octets, 0);

function recordAt(records, port) {
  const found = records.filter((record) => record.relayed_addresses.includes(`127.0.0.1:${port}`));
  assert.equal(found.length, 1, `usage records of port ${port}`);
  return found[0];
}

for (const [transport, relayProtocol] of [["udp", "udp"], ["tcp", "tcp"], ["tls", "tls"]]) {
  describe(`a relay-only call over ${transport}`, () => {
    const on = stage({ csps: (origin) => csps(origin, FIRST_LIMIT_OCTETS), transports: [transport] });

    test("carries a data channel, sound and pictures, and its octets are those of a packet capture", async (t) => {
      const { page, relay } = on;
      const capture = await Capture.start(t);
      const call = await Call.make(page, "counted", REQUEST, { media: true });
      assert.equal(await call.ask("send", SENT_OCTETS, WINDOW_OCTETS), true);
      await call.ask("mediaArrives");
      for (const path of await call.ask("paths")) {
        assert.equal(path.local, "relay");
        assert.equal(path.remote, "relay");
        assert.equal(path.relayProtocol, relayProtocol);
        assert.ok(call.ports.includes(path.port));
      }
      await call.ask("silence");
      await relay.ctl("cut", "--csp", "acme");
      const cut = await call.ask("heard", "a", "cut");
      assert.equal(cut.reason, "cancelled");
      assert.equal(cut.clientName, "counted-a");

      const records = await relay.recordsOf("acme", 2);
      const packets = await capture.stop();
      for (const port of call.ports) {
        const record = recordAt(records, port);
        const seen = octetsAt(port, packets);
        assert.equal(record.client_to_peer_octets, seen.sent, `sent from port ${port}`);
        assert.equal(record.peer_to_client_octets, seen.received, `received at port ${port}`);
      }
      assert.ok(sum(records) > 2 * SENT_OCTETS);
      assert.equal((await relay.usage("acme", "data")).used_octets, sum(records));
      await call.ask("close");
    });

    test("is cut at the quota, is told so within a second, and calls again when there is quota", async (t) => {
      const { origin, page, relay } = on;
      const capture = await Capture.start(t);
      const { used_octets: usedBefore } = await relay.usage("acme", "data");
      const limit = usedBefore + LEFT_OCTETS;
      await relay.writeCsps(csps(origin, limit));
      await until(5000, "the new limit", async () => (await relay.usage("acme", "data")).limit_octets === limit);

      const call = await Call.make(page, "cut", REQUEST);
      const before = relay.records().length;
      // Each octet is charged at both ends, with what SCTP and DTLS put around it.
      const toEightySevenPercent = Math.floor((0.87 * limit - usedBefore) / 2 / FRAMING);
      assert.equal(await call.ask("send", toEightySevenPercent, WINDOW_OCTETS), true);
      assert.equal((await call.ask("heard", "a", "threshold")).percent, 80);
      assert.equal(await call.ask("send", limit), false);
      const cuts = { a: await call.ask("heard", "a", "cut"), b: await call.ask("heard", "b", "cut") };

      const records = (await relay.recordsOf("acme", before + 2)).slice(before);
      for (const [end, cut] of Object.entries(cuts)) {
        assert.equal(cut.reason, "quota_exhausted");
        assert.equal(cut.clientName, `cut-${end}`);
        const record = records.find(({ allocation }) => allocation === cut.allocation);
        const late = cut.heardMs - Date.parse(record.end);
        assert.ok(late <= 1000, `the page heard of the cut ${late} ms after it`);
      }
      // Of those that are passed at once only the highest is told.
      const thresholds = (await call.ask("events", "a")).filter(({ event }) => event === "threshold");
      assert.match(thresholds.map(({ percent }) => percent).join(), /^80,(95,)?100$/);

      const packets = await capture.stop();
      for (const port of call.ports) {
        const record = recordAt(records, port);
        const seen = octetsAt(port, packets);
        assert.equal(record.client_to_peer_octets, seen.sent, `sent from port ${port}`);
        // What arrives without credit for it is not relayed, and not counted.
        assert.ok(record.peer_to_client_octets <= seen.received, `received at port ${port}`);
      }
      const { used_octets: used, exhausted } = await relay.usage("acme", "data");
      assert.equal(used, sum(relay.records()));
      assert.ok(used <= limit && used > limit - 2 * PACKET_OCTETS_MAX, `${used} octets`);
      assert.equal(exhausted, true);

      const refused = await refusal(page, REQUEST);
      assert.deepEqual(refused, {
        name: "QuotaExceededError", quota: true, known: true, type: "quota-exceeded", status: 403,
        cspID: "acme", mediaType: "data", limitOctets: limit, usedOctets: used, periodEnd: null,
      });
      await call.ask("failed");

      await relay.writeCsps(csps(origin, FIRST_LIMIT_OCTETS));
      await call.ask("heard", "a", "restored");
      await call.ask("close");
      const again = await Call.make(page, "again", REQUEST);
      assert.equal(await again.ask("send", SENT_OCTETS), true);
      await again.ask("close");
      assert.deepEqual(page.faults.filter((fault) => !fault.includes("403")), []);
      on.healthy = true;
    });
  });
}
