/**
 * turnbroker.js: from a subscriber's id to a relayed call, and word of what happens to it.
 *
 * An ES module without dependencies, for browsers and Node.js 18 and later.
 *
 *     import { turnbroker } from "https://relay.example/turnbroker.js";
 *     const broker = turnbroker();
 *     const call = { cspID: "acme", mediaType: "video", clientName: "alice" };
 *     const peer = new RTCPeerConnection(await broker.rtcConfiguration(call));
 *
 * Everything that can go wrong is a TurnBrokerError; see the classes below.
 */

const REQUEST_MS_MAX = 15_000;
const WATCHES_PER_STREAM_MAX = 16; // client ids that the relay takes in one request
const STREAMS_MAX = 4; // HTTP/1.1 allows a page six connections per host; some are left for requests
const SILENCE_MS_MAX = 45_000; // the relay says something every 15 s
const BACK_OFF_MS_MIN = 500;
const BACK_OFF_MS_MAX = 30_000;
const LINE_CHARACTERS_MAX = 1 << 16;

/** Whatever the relay, or the way to it, refuses. */
export class TurnBrokerError extends Error {
  /**
   * @param {string} message a sentence for people
   * @param {{type?: string, status?: number, problem?: object | null, retryAfter?: number | null,
   *          cause?: unknown}} [about]
   */
  constructor(message, { type = "about:blank", status = 0, problem = null, retryAfter = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    /** The last part of the problem's type, such as "quota-exceeded". */
    this.type = type;
    /** The HTTP status; 0 when there was no answer. */
    this.status = status;
    /** The problem document (RFC 9457) as the relay sent it, or null. */
    this.problem = problem;
    /** Seconds after which another try makes sense, or null. */
    this.retryAfter = retryAfter;
    /** Given to onError only: whether the watch goes on by itself. */
    this.retrying = false;
  }
}

/** The account's volume of this period is used up. */
export class QuotaExceededError extends TurnBrokerError {
  constructor(message, about) {
    super(message, about);
    const problem = about?.problem ?? {};
    this.cspID = problem.cspID;
    this.mediaType = problem.mediaType;
    /** Set when it is only this client's own part that is used up. */
    this.clientName = problem.clientName ?? null;
    this.period = problem.period;
    this.limitOctets = problem.limit_octets;
    this.usedOctets = problem.used_octets;
    /** When a new period begins; null when none does. */
    this.periodEnd = problem.period_end ? new Date(problem.period_end) : null;
  }
}
/** No CSP has this id. */
export class UnknownCspError extends TurnBrokerError {}
/** Neither audio, video nor data. */
export class BadMediaTypeError extends TurnBrokerError {}
/** The CSP has no quota of this media type. */
export class NoQuotaError extends TurnBrokerError {}
/** No relay admits anybody now. */
export class NoRelayError extends TurnBrokerError {}
/** No API key, or a wrong one. */
export class UnauthorizedError extends TurnBrokerError {}
/** The page's origin is none of the CSP's allowed_origins. */
export class OriginError extends TurnBrokerError {}
/** Too many requests; see retryAfter. */
export class RateLimitedError extends TurnBrokerError {}
/** A client id that was altered, is of another relay's secret, or is over. */
export class ClientIdError extends TurnBrokerError {
  constructor(message, about) {
    super(message, about);
    this.expired = about?.type === "client-id-expired";
  }
}
/** No answer: no connection, a page of a foreign origin, a time-out. */
export class NetworkError extends TurnBrokerError {}

const ERROR_OF_TYPE = {
  "quota-exceeded": QuotaExceededError,
  "unknown-csp": UnknownCspError,
  "bad-media-type": BadMediaTypeError,
  "no-quota": NoQuotaError,
  "no-healthy-relay": NoRelayError,
  unauthorized: UnauthorizedError,
  "origin-not-allowed": OriginError,
  "too-many-requests": RateLimitedError,
  "client-id-invalid": ClientIdError,
  "client-id-expired": ClientIdError,
};

const HANDLER_OF_EVENT = {
  __proto__: null,
  usage: "onUsage",
  threshold: "onThreshold",
  cut: "onCut",
  restored: "onRestored",
  lost: "onLost",
};

/** Turns an answer that is not 200 into an error. */
async function errorOf(response) {
  let problem = null;
  try {
    const body = JSON.parse(await response.text());
    if (body !== null && typeof body === "object" && !Array.isArray(body)) problem = body;
  } catch {
    // Not from the broker: a proxy's page, perhaps.
  }
  const type = typeof problem?.type === "string" ? problem.type.split("/").pop() : "about:blank";
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
  const Kind = Object.hasOwn(ERROR_OF_TYPE, type) ? ERROR_OF_TYPE[type] : TurnBrokerError;
  const message = problem?.detail ?? problem?.title ?? `the relay answered ${response.status}`;
  return new Kind(message, { type, status: response.status, problem, retryAfter });
}

function networkError(cause, what = "the relay cannot be reached") {
  return new NetworkError(what, { type: "network", cause });
}

/**
 * Where this module came from is where the API is, when it came over HTTP.
 * @returns {string | undefined}
 */
function ownOrigin() {
  const own = new URL(import.meta.url);
  return own.protocol === "http:" || own.protocol === "https:" ? own.origin : undefined;
}

/** One of the parts of a client id's answer, or the id itself. */
function idOf(clientID) {
  const id = typeof clientID === "object" && clientID !== null ? clientID.clientID : clientID;
  if (typeof id !== "string" || id === "") throw new TypeError("clientID: a non-empty string is needed");
  return id;
}

/** Both forms of call: (cspID, mediaType, clientName) and ({cspID, mediaType, clientName, ttl}). */
function fieldsOf(first, mediaType, clientName) {
  const given = typeof first === "object" && first !== null ? first : { cspID: first, mediaType, clientName };
  const fields = {};
  for (const name of ["cspID", "mediaType", "clientName"]) {
    if (typeof given[name] !== "string") throw new TypeError(`${name}: a string is needed`);
    fields[name] = given[name];
  }
  if (given.ttl !== undefined) fields.ttl = String(given.ttl);
  return fields;
}

/** Makes an object that asks one relay. See {@link TurnBroker}. */
export function turnbroker(options) {
  return new TurnBroker(options);
}

export class TurnBroker {
  #baseUrl;
  #apiKey;
  #fetch;
  #accounts = new Map(); // client id -> "csp/media", and the client's name: what its events name
  #streams = new Set();

  /**
   * @param {{baseUrl?: string, apiKey?: string, fetch?: typeof fetch}} [options]
   *   baseUrl: where the API is; by default where this module was loaded from.
   *   apiKey: of the CSP. For back ends only: a page must not hold one.
   *   fetch: instead of the global one.
   */
  constructor({ baseUrl = ownOrigin(), apiKey, fetch } = {}) {
    if (baseUrl === undefined) throw new TypeError("baseUrl is needed");
    this.#baseUrl = new URL(baseUrl);
    if (!this.#baseUrl.pathname.endsWith("/")) this.#baseUrl.pathname += "/";
    this.#apiKey = apiKey;
    this.#fetch = fetch ?? ((...request) => globalThis.fetch(...request));
  }

  /**
   * Which relay to use, and the client id to get credentials with.
   *
   *     const clientID = await broker.getTurnAddr("acme", "video", "alice");
   *     const credentials = await broker.getTurnCredentials(clientID);
   *
   * @returns {Promise<{clientID: string, urls: string[], relay: string, expiry: number, ttl: number}>}
   */
  async getTurnAddr(cspID, mediaType, clientName) {
    const fields = fieldsOf(cspID, mediaType, clientName);
    const answer = await this.#post("v1/getTurnAddr", fields);
    this.#remember(answer.clientID, fields);
    return answer;
  }

  /**
   * @param {string | {clientID: string}} clientID what getTurnAddr answered, or the id in it
   * @returns {Promise<{username: string, password: string, ttl: number, uris: string[],
   *                    iceServers: RTCIceServer[]}>}
   */
  async getTurnCredentials(clientID) {
    return this.#post("v1/getTurnCredentials", { clientID: idOf(clientID) });
  }

  /** Both steps in one request, with all that they answer. */
  async iceServers(cspID, mediaType, clientName) {
    const fields = fieldsOf(cspID, mediaType, clientName);
    const answer = await this.#post("v1/iceServers", fields);
    this.#remember(answer.clientID, fields);
    return answer;
  }

  /**
   * For `new RTCPeerConnection(…)`: both steps in one request, everything over the relay.
   * The configuration also has `clientID`, for {@link watch}; RTCPeerConnection takes no notice of it.
   */
  async rtcConfiguration(cspID, mediaType, clientName) {
    const answer = await this.iceServers(cspID, mediaType, clientName);
    return { iceServers: answer.iceServers, iceTransportPolicy: "relay", clientID: answer.clientID };
  }

  /**
   * Tells what happens to the account of a client id, and to its own allocations, until closed.
   * All watches share one connection to the relay. It is made anew when it breaks.
   *
   * @param {string | {clientID: string}} clientID
   * @param {{onUsage?: Function, onThreshold?: Function, onCut?: Function, onRestored?: Function,
   *          onLost?: Function, onError?: (error: TurnBrokerError) => void}} handlers
   * @returns {{close(): void}}
   */
  watch(clientID, handlers = {}) {
    const id = idOf(clientID);
    const watch = { id, account: this.#accounts.get(id), handlers };
    let stream;
    for (const open of this.#streams) if (open.hasRoomFor(watch)) stream ??= open;
    if (stream === undefined) {
      if (this.#streams.size >= STREAMS_MAX) throw new RangeError("too many watches");
      stream = new EventStream(
        (ids, headers, signal) => this.#openEvents(ids, headers, signal),
        (id) => this.getTurnCredentials(id),
        () => this.#streams.delete(stream),
      );
      this.#streams.add(stream);
    }
    stream.add(watch);
    return { close: () => stream.remove(watch) };
  }

  #remember(clientID, { cspID, mediaType, clientName }) {
    if (this.#accounts.size >= 256) this.#accounts.delete(this.#accounts.keys().next().value);
    this.#accounts.set(clientID, { cspID, mediaType, clientName });
  }

  #headers(more) {
    return this.#apiKey === undefined ? more : { ...more, authorization: `Bearer ${this.#apiKey}` };
  }

  /** POST always names the page's origin, and keeps ids out of the logs of what is in between. */
  async #post(path, fields) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), REQUEST_MS_MAX);
    try {
      const response = await this.#fetch(new URL(path, this.#baseUrl).href, {
        method: "POST",
        headers: this.#headers({ accept: "application/json, application/problem+json" }),
        body: new URLSearchParams(fields),
        cache: "no-store",
        credentials: "omit",
        signal: abort.signal,
      });
      if (!response.ok) throw await errorOf(response);
      return await response.json();
    } catch (error) {
      if (error instanceof TurnBrokerError) throw error;
      throw networkError(error, abort.signal.aborted ? "the relay does not answer" : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  async #openEvents(ids, headers, signal) {
    const url = new URL("v1/events", this.#baseUrl);
    for (const id of ids) url.searchParams.append("clientID", id);
    const response = await this.#fetch(url.href, {
      headers: this.#headers({ accept: "text/event-stream", ...headers }),
      cache: "no-store",
      credentials: "omit",
      signal,
    });
    if (!response.ok) throw await errorOf(response);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream"))
      throw new TurnBrokerError("the relay answered something else than events", { status: response.status });
    return response.body;
  }
}

/**
 * One connection for up to 16 watches. It is read with fetch and not with EventSource, which tells
 * nobody why it was refused, does not back off, and is not there in Node.js.
 */
class EventStream {
  #open;
  #check;
  #ended;
  #watches = new Set();
  #connectedIds = new Set(); // those that the present connection was made with
  #abort = null;
  #timer = undefined;
  #lastEventId = "";
  #failures = 0;
  #backOffMs = BACK_OFF_MS_MIN;
  #changing = false;

  constructor(open, check, ended) {
    this.#open = open;
    this.#check = check;
    this.#ended = ended;
  }

  /** Events name the account, so only watches whose account is known can share a connection. */
  hasRoomFor(watch) {
    const ids = this.#ids();
    if (ids.has(watch.id)) return true;
    for (const other of this.#watches) if (other.account === undefined) return false;
    return watch.account !== undefined && ids.size < WATCHES_PER_STREAM_MAX;
  }

  add(watch) {
    this.#watches.add(watch);
    if (this.#changing) return;
    this.#changing = true;
    // All that are added at once become one request.
    queueMicrotask(() => {
      this.#changing = false;
      if ([...this.#ids()].some((id) => !this.#connectedIds.has(id))) this.#connect();
    });
  }

  remove(watch) {
    if (this.#watches.delete(watch) && this.#watches.size === 0) this.#end();
  }

  #ids() {
    return new Set([...this.#watches].map((watch) => watch.id));
  }

  #end() {
    clearTimeout(this.#timer);
    this.#watches.clear();
    this.#abort?.abort();
    this.#abort = null;
    this.#ended();
  }

  /** Makes the connection, in place of the one there is; what was missed meanwhile is sent again. */
  async #connect() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const ids = this.#ids();
    if (ids.size === 0) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.#connectedIds = ids;
    const headers = this.#lastEventId === "" ? {} : { "last-event-id": this.#lastEventId };
    let error;
    try {
      this.#silentUntil(abort);
      const body = await this.#open(ids, headers, abort.signal);
      await this.#read(body, abort);
      error = networkError(undefined, "the relay closed the events");
    } catch (cause) {
      error = cause instanceof TurnBrokerError ? cause : networkError(cause, "the events broke off");
    }
    if (this.#abort !== abort) return; // a newer connection, or the end
    if (ids.size > 1 && isOfOneId(error)) await this.#dropRefused(ids, abort);
    else this.#failed(error);
  }

  /** One of several ids is refused, and the answer does not say which: the others go on. */
  async #dropRefused(ids, abort) {
    const refused = new Map();
    const checks = [...ids].map((id) =>
      this.#check(id).catch((error) => isOfOneId(error) && refused.set(id, error)),
    );
    await Promise.all(checks);
    if (this.#abort !== abort) return;
    const told = [...this.#watches].filter((watch) => refused.has(watch.id));
    for (const watch of told) this.remove(watch);
    for (const watch of told) call(watch.handlers.onError, refused.get(watch.id));
    if (this.#abort === abort) this.#failed(networkError(undefined, "the events are asked for again"));
  }

  #silentUntil(abort) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => abort.abort(), SILENCE_MS_MAX);
  }

  #failed(error) {
    clearTimeout(this.#timer);
    // A client id that is over does not become valid again, and an origin not allowed.
    error.retrying = error.status === 0 || error.status === 429 || error.status >= 500;
    const told = [...this.#watches];
    if (error.retrying) {
      const wait = Math.min(this.#backOffMs * 2 ** this.#failures, BACK_OFF_MS_MAX);
      this.#failures += 1;
      this.#connectedIds = new Set();
      const ms = Math.max(wait * (0.5 + Math.random() / 2), (error.retryAfter ?? 0) * 1000);
      this.#timer = setTimeout(() => this.#connect(), ms);
    } else {
      this.#end();
    }
    for (const watch of told) call(watch.handlers.onError, error);
  }

  async #read(body, abort) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    let fields = {};
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#abort !== abort) return;
      this.#silentUntil(abort);
      text += decoder.decode(value, { stream: true });
      const lines = text.split(/\r\n|\n|\r(?!$)/);
      text = lines.pop();
      if (text.length > LINE_CHARACTERS_MAX) throw new TurnBrokerError("an event that is too large");
      for (const line of lines) {
        if (line === "") {
          this.#dispatch(fields);
          fields = {};
        } else {
          this.#field(fields, line);
        }
        if (this.#abort !== abort) return; // a handler closed the last watch
      }
    }
  }

  #field(fields, line) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment that keeps the connection alive
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") fields.data = fields.data === undefined ? value : `${fields.data}\n${value}`;
    else if (name === "event") fields.event = value;
    else if (name === "id") fields.id = value;
    else if (name === "retry" && /^\d{1,6}$/.test(value)) this.#backOffMs = Math.max(Number(value), 1);
  }

  #dispatch({ event, data, id }) {
    if (id !== undefined) this.#lastEventId = id;
    if (data === undefined) return;
    this.#failures = 0;
    const handler = HANDLER_OF_EVENT[event];
    if (handler === undefined) return;
    let told;
    try {
      told = Object.freeze({ ...JSON.parse(data), event });
    } catch {
      return;
    }
    for (const watch of [...this.#watches])
      if (this.#watches.has(watch) && concerns(told, watch)) call(watch.handlers[handler], told);
  }
}

/** Refused for what one client id is, not for what is true of all. */
function isOfOneId(error) {
  return [ClientIdError, UnknownCspError, NoQuotaError, OriginError].some((Kind) => error instanceof Kind);
}

function concerns(told, { id, account }) {
  if (told.event === "cut" && told.clientID !== undefined && told.clientID === id) return true;
  if (told.event === "lost") return true; // nobody knows whose they were
  if (account === undefined) return true; // it has the connection to itself
  return (
    told.cspID === account.cspID &&
    told.mediaType === account.mediaType &&
    (told.event !== "cut" || told.clientName === account.clientName)
  );
}

/** A handler that throws is the page's own fault, and shown as such; the events go on. */
function call(handler, argument) {
  if (typeof handler !== "function") return;
  try {
    handler(argument);
  } catch (error) {
    if (typeof reportError === "function") return reportError(error);
    setTimeout(() => {
      throw error;
    });
  }
}
