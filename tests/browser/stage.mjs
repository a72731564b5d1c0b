// What a call is made with: a relay, a browser, and a page of another origin than the relay's API.
import { after, before } from "node:test";
import { Relay } from "../support/js/relay.mjs";
import { Browser, PageServer } from "./browser.mjs";

/**
 * To be called in a suite, whose tests find `origin`, `relay` and `page` in what it returns. `csps` makes
 * the CSPs' configuration of the page's origin; the rest is for Relay.start. The last test sets `healthy`:
 * without it the relay's directory is kept for a look.
 */
export function stage({ csps, ...options }) {
  const it = { healthy: false };
  let pages, browser;

  before(async () => {
    pages = await PageServer.start();
    it.origin = pages.origin;
    it.relay = await Relay.start({ csps: csps(pages.origin), ...options });
    browser = await Browser.open(it.relay);
    it.page = await browser.page(`${pages.origin}/#${encodeURIComponent(it.relay.baseUrl)}`);
    await it.page.waitForFunction(() => window.harness !== undefined);
  });
  after(async () => {
    await browser?.close();
    pages?.stop();
    await it.relay?.stop({ keep: !it.healthy });
  });
  return it;
}
