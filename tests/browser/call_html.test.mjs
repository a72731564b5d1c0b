// The example page as the relay serves it, in two tabs.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Relay } from "../support/js/relay.mjs";
import { Browser } from "./browser.mjs";

const csps = (origin, megabytes) => `[csp.demo]
allowed_origins = ["${origin}"]
[csp.demo.quota.data]
volume = "${megabytes} MB"
period = "day"
`;

function withoutCamera() {
  MediaDevices.prototype.getUserMedia = async () => {
    throw new DOMException("no camera", "NotFoundError");
  };
}

describe("call.html", () => {
  let relay, browser, tabs, origin;
  let healthy = false;

  before(async () => {
    relay = await Relay.start({ csps: csps("http://nowhere.test", 6), http: "example = true" });
    origin = `http://localhost:${relay.httpPort}`;
    await relay.writeCsps(csps(origin, 6));
    await relay.ctl("reload");
    browser = await Browser.open(relay);
    tabs = [
      await browser.page(`${origin}/call.html?name=Ann`),
      await browser.page(`${origin}/call.html?name=Bob`, withoutCamera),
    ];
  });
  after(async () => {
    await browser?.close();
    await relay?.stop({ keep: !healthy });
  });

  const state = (tab, text) => tab.locator("#state", { hasText: text }).waitFor();

  async function connect() {
    for (const tab of tabs) await tab.locator("#call").click();
    for (const tab of tabs) await state(tab, "Connected");
  }

  test("two tabs talk, see the quota shrink, are cut, are refused, and call again", async () => {
    const [ann, bob] = tabs;
    await connect();
    await ann.getByRole("textbox", { name: "Message" }).fill("hello <b>Bob</b>");
    await ann.getByRole("button", { name: "Send", exact: true }).click();
    await bob.locator("#chat li", { hasText: "Ann: hello <b>Bob</b>" }).waitFor();
    for (const tab of tabs) {
      await tab.locator("#quota-text", { hasText: /of 6.00 MB of \d{4}-\d\d-\d\d are used/ }).waitFor();
      await tab.waitForFunction(() => document.getElementById("theirs").videoWidth > 0);
    }

    await ann.getByRole("button", { name: "Send 10 MB of nothing" }).click();
    for (const tab of tabs) {
      await state(tab, "The call was cut.");
      await tab.getByRole("alert").filter({ hasText: "The quota is used up" }).waitFor();
    }
    await ann.waitForFunction(() => document.getElementById("quota").value > 99);

    await ann.getByRole("button", { name: "Call again" }).click();
    await ann.getByRole("alert").filter({ hasText: "The data quota of demo is used up. It comes back at" }).waitFor();

    await relay.writeCsps(csps(origin, 100));
    for (const tab of tabs) await state(tab, "There is quota again");
    await connect();
    for (const tab of tabs)
      assert.deepEqual(tab.faults.filter((fault) => !fault.includes("403")), []);
    healthy = true;
  });

  test("can be used with the keyboard, and every control has a name", async () => {
    const [ann] = tabs;
    for (const control of await ann.locator("button, input, select, progress").all()) {
      const named = await control.evaluate(
        (one) => one.labels?.length > 0 || one.textContent.trim() !== "" || one.hasAttribute("aria-labelledby"),
      );
      assert.ok(named, await control.evaluate((one) => one.outerHTML));
    }
    await ann.getByRole("textbox", { name: "Message" }).focus();
    await ann.keyboard.type("by keyboard");
    await ann.keyboard.press("Enter");
    await tabs[1].locator("#chat li", { hasText: "Ann: by keyboard" }).waitFor();
  });
});
