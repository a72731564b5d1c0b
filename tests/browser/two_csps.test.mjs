// Two CSPs on one relay: what one of them uses up is not the other's loss.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Call, refusal } from "./call.mjs";
import { stage } from "./stage.mjs";

const SMALL_OCTETS = 3_000_000;
const SENT_OCTETS = 2_000_000;
const request = (cspID) => ({ cspID, mediaType: "data", clientName: "alice" });

const csp = (id, origin, volume) => `[csp.${id}]
allowed_origins = ["${origin}"]
[csp.${id}.quota.data]
volume = "${volume} B"
period = "month"
`;

describe("two CSPs at once", () => {
  const on = stage({ csps: (origin) => csp("small", origin, SMALL_OCTETS) + csp("large", origin, 1_000_000_000) });

  test("only the one whose quota is used up is cut and refused", async () => {
    const { page, relay } = on;
    const large = await Call.make(page, "large", request("large"));
    const small = await Call.make(page, "small", request("small"));
    assert.equal(await large.ask("send", SENT_OCTETS), true);
    assert.equal(await small.ask("send", 2 * SMALL_OCTETS), false);
    assert.equal((await small.ask("heard", "a", "cut")).reason, "quota_exhausted");
    await small.ask("failed");

    const refused = await refusal(page, request("small"));
    assert.equal(refused.name, "QuotaExceededError");
    assert.equal(refused.cspID, "small");
    assert.match(refused.periodEnd, /^\d{4}-\d\d-01T00:00:00\.000Z$/);

    assert.equal(await large.ask("send", SENT_OCTETS), true);
    assert.equal(await refusal(page, request("large")), null);
    for (const end of ["a", "b"])
      for (const { event, cspID } of await large.ask("events", end)) {
        assert.equal(cspID, "large");
        assert.equal(event, "usage");
      }
    assert.equal((await relay.usage("large", "data")).exhausted, false);
    assert.ok((await relay.usage("small", "data")).used_octets <= SMALL_OCTETS);
    on.healthy = true;
  });
});
