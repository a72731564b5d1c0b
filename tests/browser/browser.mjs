// Debian's Chromium, and the pages it opens: http://localhost, so that they may use a microphone.
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const here = path.dirname(new URL(import.meta.url).pathname);
export const DEADLINE_MS = 30_000;

export class Browser {
  /** `spkiHash`: of the certificate that turns: may have although nobody vouches for it. */
  static async open({ spkiHash }) {
    const browser = new Browser();
    browser.directory = await mkdtemp(path.join(tmpdir(), "turnbroker-chromium-"));
    browser.context = await chromium.launchPersistentContext(browser.directory, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      chromiumSandbox: false,
      timeout: DEADLINE_MS,
      args: [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        `--ignore-certificate-errors-spki-list=${spkiHash}`,
      ],
    });
    browser.context.setDefaultTimeout(DEADLINE_MS);
    return browser;
  }

  /** A page that tells what goes wrong in it. `first` runs in it before its own scripts. */
  async page(url, first) {
    const page = await this.context.newPage();
    if (first !== undefined) await page.addInitScript(first);
    page.faults = [];
    page.on("pageerror", (error) => page.faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") page.faults.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  async close() {
    await this.context.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Serves call_page.html and its script: another origin than the relay's API. */
export class PageServer {
  static async start() {
    const server = new PageServer();
    const types = { "/": ["call_page.html", "text/html"], "/call_page.js": ["call_page.js", "text/javascript"] };
    server.http = createServer((request, response) => {
      const found = types[new URL(request.url, "http://localhost").pathname];
      if (found === undefined) return response.writeHead(404).end();
      response.writeHead(200, { "content-type": `${found[1]}; charset=utf-8` });
      createReadStream(path.join(here, found[0])).pipe(response);
    });
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    server.origin = `http://localhost:${server.http.address().port}`;
    return server;
  }

  stop() {
    this.http.closeAllConnections();
    this.http.close();
  }
}
