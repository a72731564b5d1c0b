// Requests as they are written, each on a connection of its own: fetch would not send a body with GET.
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { within } from "../support/js/deadline.mjs";

const ANSWER_MS = 10_000;

/** {status, headers, type, text}. Of a stream only what came until `enough(text)`. */
export async function ask(baseUrl, method, target, { headers = {}, body, enough } = {}) {
  const request = http.request(new URL(target, baseUrl), {
    method,
    agent: false,
    headers: { ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }), ...headers },
  });
  request.on("error", () => {}); // an answer may come before all of the body has gone
  const answered = once(request, "response");
  request.end(body);
  try {
    const [response] = await within(ANSWER_MS, `${method} ${target}`, answered);
    response.setEncoding("utf8");
    let text = "";
    const read = async () => {
      for await (const piece of response) {
        text += piece;
        if (enough?.(text)) return;
      }
    };
    await within(ANSWER_MS, `the answer of ${method} ${target}`, read());
    const type = (response.headers["content-type"] ?? "").split(";")[0];
    return { status: response.statusCode, headers: response.headers, type, text };
  } finally {
    request.destroy();
  }
}

/** A connection on which nothing is said. */
export async function idleConnection(port) {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await within(ANSWER_MS, "a connection", once(socket, "connect"));
  return socket;
}
