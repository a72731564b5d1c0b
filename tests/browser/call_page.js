// What the browser tests drive: calls with both ends in this page, all of it over the relay.
// The API's address is the page's fragment.
const api = decodeURIComponent(location.hash.slice(1));
const { turnbroker, QuotaExceededError, TurnBrokerError } = await import(new URL("turnbroker.js", api));
const broker = turnbroker();

const PIECE = new Uint8Array(1100);
const BUFFERED_OCTETS_MAX = 512 * 1024;

class End {
  candidates = [];
  events = [];
  received = 0;
  #more = null;

  async prepare(request) {
    this.request = request;
    this.configuration = await broker.rtcConfiguration(request);
    const note = (event) => this.events.push({ ...event, heardMs: Date.now() });
    this.watch = broker.watch(this.configuration.clientID, {
      onUsage: note,
      onThreshold: note,
      onCut: note,
      onRestored: note,
      onError: (error) => this.events.push({ event: "error", type: error.type, retrying: error.retrying }),
    });
    this.peer = new RTCPeerConnection(this.configuration);
    this.peer.onicecandidate = ({ candidate }) => {
      if (candidate === null) return;
      if (this.other === undefined) this.candidates.push(candidate);
      else this.other.peer.addIceCandidate(candidate);
    };
    this.channel = this.peer.createDataChannel("data", { negotiated: true, id: 0 });
    this.channel.binaryType = "arraybuffer";
    this.channel.bufferedAmountLowThreshold = BUFFERED_OCTETS_MAX / 2;
    this.channel.onmessage = ({ data }) => {
      this.received += data.byteLength;
      this.#more?.();
    };
    this.opened = new Promise((resolve, reject) => {
      this.channel.addEventListener("open", () => resolve(), { once: true });
      this.channel.addEventListener("close", () => reject(new Error("closed")), { once: true });
    });
    this.opened.catch(() => {});
    this.failed = new Promise((resolve) => {
      this.peer.onconnectionstatechange = () => this.peer.connectionState === "failed" && resolve();
    });
  }

  hasReceived(octets) {
    return new Promise((resolve) => {
      this.#more = () => this.received >= octets && resolve();
      this.#more();
    });
  }
}

const calls = new Map();

/** Both ends, described to each other, but neither knows a candidate of the other yet. */
async function prepare(name, { request, media, sinkPort }) {
  const [a, b] = [new End(), new End()];
  calls.set(name, { a, b });
  await a.prepare({ ...request, clientName: `${name}-a` });
  await b.prepare({ ...request, clientName: `${name}-b` });
  if (media) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const end of [a, b]) for (const track of stream.getTracks()) end.peer.addTrack(track.clone(), stream);
  }
  await a.peer.setLocalDescription();
  const offer = stripped(a.peer.localDescription);
  await b.peer.setRemoteDescription(offer);
  await b.peer.setLocalDescription();
  await a.peer.setRemoteDescription(stripped(b.peer.localDescription));
  // The relays' permissions for 127.0.0.1 are there when this one hears from both.
  const sink = { candidate: `candidate:1 1 udp 1 127.0.0.1 ${sinkPort} typ host`, sdpMid: "0", sdpMLineIndex: 0 };
  for (const end of [a, b]) await end.peer.addIceCandidate(sink);
}

/** Candidates that were gathered early are in the description; they go the same way as the others. */
function stripped({ type, sdp }) {
  return { type, sdp: sdp.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, "") };
}

async function connect(name) {
  const { a, b } = calls.get(name);
  [a.other, b.other] = [b, a];
  for (const [from, to] of [[a, b], [b, a]])
    for (const candidate of from.candidates.splice(0)) await to.peer.addIceCandidate(candidate);
  await Promise.all([a.opened, b.opened]);
}

/**
 * True when the other end has received all of it, false when the channel closed or the call was cut.
 * At most `window` octets are under way at once.
 */
async function send(name, octets, window = Infinity) {
  const { a, b } = calls.get(name);
  const goal = b.received + octets;
  const ended = new Promise((resolve) => {
    a.channel.addEventListener("close", () => resolve(false), { once: true });
    const look = setInterval(() => {
      if (![...a.events, ...b.events].some(({ event }) => event === "cut")) return;
      clearInterval(look);
      resolve(false);
    }, 20);
  });
  const all = async () => {
    for (let sent = 0; sent < octets; sent += PIECE.length) {
      if (a.channel.bufferedAmount > BUFFERED_OCTETS_MAX)
        await new Promise((resolve) => {
          a.channel.addEventListener("bufferedamountlow", resolve, { once: true });
        });
      await b.hasReceived(goal - octets + sent - window);
      a.channel.send(PIECE.subarray(0, Math.min(PIECE.length, octets - sent)));
    }
    await b.hasReceived(goal);
    return true;
  };
  return Promise.race([all(), ended]);
}

/** Pictures and sound that have arrived at both ends. */
async function mediaArrives(name) {
  const { a, b } = calls.get(name);
  for (const { peer } of [a, b]) {
    for (;;) {
      const kinds = new Set();
      for (const report of (await peer.getStats()).values())
        // Sound that nobody listens to is not decoded.
        if (report.type === "inbound-rtp" && (report.framesDecoded > 0 || (report.kind === "audio" && report.packetsReceived > 20)))
          kinds.add(report.kind);
      if (kinds.has("audio") && kinds.has("video")) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Of both ends: how the relay is reached, and over what the selected pair goes. */
async function paths(name) {
  const { a, b } = calls.get(name);
  const found = [];
  for (const { peer } of [a, b]) {
    const stats = await peer.getStats();
    const transport = [...stats.values()].find(({ type }) => type === "transport");
    const pair = stats.get(transport.selectedCandidatePairId);
    const local = stats.get(pair.localCandidateId);
    const remote = stats.get(pair.remoteCandidateId);
    found.push({ local: local.candidateType, remote: remote.candidateType, relayProtocol: local.relayProtocol, port: local.port });
  }
  return found;
}

async function silence(name) {
  const { a, b } = calls.get(name);
  for (const { peer } of [a, b]) for (const sender of peer.getSenders()) await sender.replaceTrack(null);
}

async function heard(name, end, event) {
  const { events } = calls.get(name)[end];
  for (;;) {
    const found = events.find((one) => one.event === event);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function failed(name) {
  const { a, b } = calls.get(name);
  await Promise.all([a.failed, b.failed]);
}

/** What getTurnAddr throws. */
async function refusal(request) {
  try {
    await broker.getTurnAddr(request);
    return null;
  } catch (error) {
    return {
      name: error.name,
      quota: error instanceof QuotaExceededError,
      known: error instanceof TurnBrokerError,
      type: error.type,
      status: error.status,
      cspID: error.cspID,
      mediaType: error.mediaType,
      limitOctets: error.limitOctets,
      usedOctets: error.usedOctets,
      periodEnd: error.periodEnd?.toISOString() ?? null,
    };
  }
}

function close(name) {
  const { a, b } = calls.get(name);
  for (const end of [a, b]) {
    end.watch.close();
    end.peer.close();
  }
  calls.delete(name);
}

window.harness = {
  prepare, connect, send, mediaArrives, paths, silence, heard, failed, refusal, close,
  events: (name, end) => calls.get(name)[end].events,
};
