// One call in a page, as the tests speak of it. Every wait has an end.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { until, within } from "../support/js/deadline.mjs";

const STEP_MS = 30_000;

export class Call {
  constructor(page, name) {
    this.page = page;
    this.name = name;
  }

  /** Connected; `ports` are the relayed ones. Both permissions are there before the first packet. */
  static async make(page, name, request, { media = false } = {}) {
    const call = new Call(page, name);
    const sink = createSocket("udp4");
    const heard = new Set();
    sink.on("message", (_, { port }) => heard.add(port));
    sink.bind(0, "127.0.0.1");
    await within(5000, "a socket", once(sink, "listening"));
    try {
      const options = { request, media, sinkPort: sink.address().port };
      await call.ask("prepare", options);
      await until(STEP_MS, `both relayed addresses of ${name} may send`, () => heard.size >= 2);
      await call.ask("connect");
    } finally {
      sink.close();
    }
    call.ports = [...heard];
    return call;
  }

  ask(step, ...args) {
    const done = this.page.evaluate(
      ([name, step, args]) => window.harness[step](name, ...args),
      [this.name, step, args],
    );
    return within(STEP_MS, `${step} of ${this.name}`, done);
  }
}

/** What getTurnAddr throws in the page, or null. */
export function refusal(page, request) {
  return within(STEP_MS, "getTurnAddr", page.evaluate((one) => window.harness.refusal(one), request));
}
