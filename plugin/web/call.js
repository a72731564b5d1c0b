/** The script of call.html: two tabs, one call, all of it over the relay. */
import { QuotaExceededError, turnbroker } from "./turnbroker.js";

const SPENT_OCTETS = 10_000_000;
const PIECE = new Uint8Array(1100); // with SCTP and DTLS around it still one packet
const BUFFERED_OCTETS_MAX = 256 * 1024;
const CHAT_LINES_MAX = 200;

const $ = (id) => document.getElementById(id);
const broker = turnbroker();
const self = crypto.randomUUID();
/** How the two tabs find each other. Between two machines this is what a signalling server does. */
const tabs = new BroadcastChannel("turnbroker-call");

let call = null; // {peer, channel, other, candidates}
let watch = null; // of the last call's account; it outlives the call, to tell when there is quota again
let stream = null; // of camera and microphone, or made up; kept from one call to the next

function show(state, alert = "") {
  $("state").textContent = state;
  $("alert").textContent = alert;
  $("alert").hidden = alert === "";
}

const megabytes = (octets) => `${(octets / 1e6).toFixed(octets < 1e7 ? 2 : 1)} MB`;

function showUsage({ used_octets: used, limit_octets: limit, period }) {
  const percent = limit > 0 ? Math.min((100 * used) / limit, 100) : 100;
  $("quota").value = percent;
  $("quota").dataset.level = percent >= 80 ? "high" : "low";
  const of = period === "total" ? "in total" : `of ${period}`;
  $("quota-text").textContent =
    `${megabytes(used)} of ${megabytes(limit)} ${of} are used (${percent.toFixed(1)} %).`;
}

function log(who, text) {
  const line = document.createElement("li");
  line.textContent = `${who}: ${text}`;
  $("chat").append(line);
  if ($("chat").childElementCount > CHAT_LINES_MAX) $("chat").firstElementChild.remove();
  line.scrollIntoView({ block: "nearest" });
}

function enableControls() {
  const open = call?.channel?.readyState === "open";
  for (const control of $("say").elements) control.disabled = !open;
  $("leave").disabled = call === null;
  $("call").disabled = call !== null;
  for (const field of [$("name"), $("csp"), $("media")]) field.disabled = call !== null;
}

/** A moving picture and a tone, where there is no camera or nobody may use it. */
function madeUpStream() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const pen = canvas.getContext("2d");
  const hue = Math.floor(Math.random() * 360);
  const draw = () => {
    pen.fillStyle = `hsl(${hue} 60% 30%)`;
    pen.fillRect(0, 0, 320, 240);
    pen.fillStyle = "white";
    pen.beginPath();
    pen.arc(160 + 100 * Math.cos(Date.now() / 500), 120, 24, 0, 2 * Math.PI);
    pen.fill();
  };
  draw();
  setInterval(draw, 100);
  const made = canvas.captureStream(10);
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 220 });
  const quiet = new GainNode(audio, { gain: 0.02 });
  const out = audio.createMediaStreamDestination();
  tone.connect(quiet).connect(out);
  tone.start();
  made.addTrack(out.stream.getAudioTracks()[0]);
  return made;
}

async function ownStream() {
  if (stream !== null) return stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  } catch {
    stream = madeUpStream();
  }
  $("mine").srcObject = stream;
  return stream;
}

function refusalText(error) {
  if (!(error instanceof QuotaExceededError)) return `${error.message} (${error.type ?? error.name})`;
  const end = error.periodEnd;
  const when = end === null ? "It does not come back by itself." : `It comes back at ${end.toLocaleString()}.`;
  return `The ${error.mediaType} quota of ${error.cspID} is used up. ${when}`;
}

async function join() {
  const request = { cspID: $("csp").value, mediaType: $("media").value, clientName: $("name").value };
  show("Asking for a relay …");
  $("call").disabled = true;
  try {
    const media = await ownStream();
    const configuration = await broker.rtcConfiguration(request);
    const joined = { peer: new RTCPeerConnection(configuration), other: null, channel: null };
    call = joined;
    joined.candidates = [];
    watch?.close();
    watch = broker.watch(configuration.clientID, {
      onUsage: showUsage,
      onThreshold(event) {
        showUsage(event);
        if (event.percent < 100) show($("state").textContent, `${event.percent} % of the quota are used.`);
      },
      onCut(event) {
        ended(joined, "", "");
        // Also where the other tab's good-bye was faster.
        if (call === null) show("The call was cut.", cutText(event));
      },
      onRestored(event) {
        showUsage(event);
        show(call === null ? "There is quota again: call again." : $("state").textContent);
      },
      onError(error) {
        if (!error.retrying) show($("state").textContent, `The quota is not followed any more: ${error.message}`);
      },
    });
    prepare(joined, media);
    show("Waiting for the other tab.");
    tabs.postMessage({ from: self, type: "here" });
  } catch (error) {
    ended(call, "");
    show("Not in a call.", refusalText(error));
    $("call").textContent = "Call again";
  }
  enableControls();
}

function cutText({ reason }) {
  if (reason === "quota_exhausted") return "The quota is used up: the relay has ended the call.";
  return `The relay has ended the call: ${reason}.`;
}

function prepare(joined, media) {
  const { peer } = joined;
  for (const track of media.getTracks()) peer.addTrack(track, media);
  peer.ontrack = ({ streams }) => ($("theirs").srcObject = streams[0]);
  peer.onicecandidate = ({ candidate }) => tell(joined, { type: "candidate", candidate: candidate?.toJSON() ?? null });
  peer.onconnectionstatechange = () => {
    if (call !== joined) return;
    if (peer.connectionState === "connected") show("Connected, over the relay.");
    if (peer.connectionState === "failed") ended(joined, "The call broke off.");
  };
  useChannel(joined, peer.createDataChannel("chat", { negotiated: true, id: 0 }));
}

function useChannel(joined, channel) {
  joined.channel = channel;
  channel.bufferedAmountLowThreshold = BUFFERED_OCTETS_MAX / 2;
  channel.onopen = channel.onclose = enableControls;
  channel.onmessage = ({ data }) => {
    if (typeof data === "string") log($("other").textContent, data);
  };
}

function tell(joined, message) {
  if (joined.other === null) joined.candidates.push(message);
  else tabs.postMessage({ ...message, from: self, to: joined.other });
}

/** `state` says what happened. The stream of camera and microphone stays for the next call. */
function ended(which, state, alert = "") {
  if (call === null || call !== which) return;
  if (which.other !== null) tabs.postMessage({ from: self, to: which.other, type: "bye" });
  which.peer.close();
  call = null;
  $("theirs").srcObject = null;
  $("other").textContent = "The other tab";
  $("call").textContent = "Call again";
  show(state, alert);
  enableControls();
}

/** The other tab is there. Who has the smaller id makes the offer, so only one does. */
async function meet(joined, from, name) {
  joined.other = from;
  $("other").textContent = name;
  if (self < from) {
    await joined.peer.setLocalDescription();
    tell(joined, { type: "description", description: joined.peer.localDescription.toJSON() });
  }
  for (const message of joined.candidates.splice(0)) tell(joined, message);
}

tabs.onmessage = async ({ data }) => {
  const joined = call;
  if (joined === null || (data.to !== undefined && data.to !== self)) return;
  const { peer } = joined;
  try {
    if (data.type === "here" && joined.other === null) {
      tabs.postMessage({ from: self, to: data.from, type: "hello", name: $("name").value });
    } else if (data.type === "hello" && joined.other === null) {
      tabs.postMessage({ from: self, to: data.from, type: "met", name: $("name").value });
      await meet(joined, data.from, data.name);
    } else if (data.type === "met" && joined.other === null) {
      await meet(joined, data.from, data.name);
    } else if (data.from !== joined.other) {
      return;
    } else if (data.type === "description") {
      await peer.setRemoteDescription(data.description);
      if (data.description.type === "offer") {
        await peer.setLocalDescription();
        tell(joined, { type: "description", description: peer.localDescription.toJSON() });
      }
    } else if (data.type === "candidate") {
      await peer.addIceCandidate(data.candidate);
    } else if (data.type === "bye") {
      ended(joined, "The other tab has left.", $("alert").textContent);
    }
  } catch (error) {
    ended(joined, "The call could not be made.", error.message);
  }
};

async function spend() {
  const channel = call?.channel;
  $("spend").disabled = true;
  for (let sent = 0; channel?.readyState === "open" && sent < SPENT_OCTETS; sent += PIECE.length) {
    if (channel.bufferedAmount > BUFFERED_OCTETS_MAX)
      await new Promise((resolve) => {
        channel.addEventListener("bufferedamountlow", resolve, { once: true });
        channel.addEventListener("close", resolve, { once: true });
      });
    if (channel.readyState === "open") channel.send(PIECE);
  }
  enableControls();
}

const wanted = new URLSearchParams(location.search);
$("name").value = wanted.get("name") ?? `guest-${self.slice(0, 4)}`;
$("csp").value = wanted.get("csp") ?? "demo";
$("media").value = wanted.get("media") ?? "data";

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  if (call === null) join();
});
$("leave").addEventListener("click", () => ended(call, "Not in a call."));
$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("message").value;
  if (text === "" || call?.channel?.readyState !== "open") return;
  call.channel.send(text);
  log("You", text);
  $("message").value = "";
});
$("spend").addEventListener("click", spend);
addEventListener("pagehide", () => ended(call, "Not in a call."));
enableControls();
