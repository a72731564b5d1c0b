// UDP on the loopback interface as the kernel saw it: who sent how many octets of payload to whom.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Child } from "./child.mjs";
import { until, within } from "./deadline.mjs";

const HEADER_OCTETS = 24;
const RECORD_HEADER_OCTETS = 16;
const ETHERNET_OCTETS = 14;
const IPV4 = 0x0800;
const UDP = 17;
const ICMP = 1;
const ICMP_UNREACHABLE = 3;

export class Capture {
  #chunks = [];
  #marks = createSocket("udp4");

  /** Until stopped, or until the test `t` is over. */
  static async start(t) {
    const capture = new Capture();
    t.after(() => capture.#end());
    // Enough of each packet for its headers and for what an ICMP message quotes.
    capture.child = new Child(
      "tcpdump",
      ["-i", "lo", "-n", "-s", "96", "-B", "65536", "-U", "-w", "-", "--immediate-mode", "udp or icmp"],
      { raw: true },
    );
    capture.child.process.stdout.on("data", (chunk) => capture.#chunks.push(chunk));
    await until(10_000, "tcpdump listens", () => {
      if (!capture.child.running) throw new Error(`tcpdump has ended:\n${capture.child.tail()}`);
      return capture.child.output.includes("listening on lo");
    });
    capture.#marks.bind(0, "127.0.0.1");
    await within(5000, "a socket", once(capture.#marks, "listening"));
    return capture;
  }

  /** Every packet so far, and none is missing: a last one of our own has come through. */
  async stop() {
    const { port } = this.#marks.address();
    this.#marks.send("the end", port, "127.0.0.1");
    await until(10_000, "the capture's last packet", () =>
      this.packets().some((packet) => packet.from === port && packet.to === port),
    );
    await this.child.stop("SIGINT");
    if (!/\b0 packets dropped by kernel/.test(this.child.output))
      throw new Error(`tcpdump lost packets:\n${this.child.output}`);
    return this.packets();
  }

  #end() {
    this.#marks.close();
    this.child.process.kill("SIGKILL");
  }

  /** [{from, to, octets, unreachable}]: ports; octets of payload. */
  packets() {
    const file = Buffer.concat(this.#chunks);
    this.#chunks = [file];
    const packets = [];
    let at = HEADER_OCTETS;
    while (at + RECORD_HEADER_OCTETS <= file.length) {
      const captured = file.readUInt32LE(at + 8);
      const frame = file.subarray(at + RECORD_HEADER_OCTETS, at + RECORD_HEADER_OCTETS + captured);
      if (frame.length < captured) break;
      at += RECORD_HEADER_OCTETS + captured;
      if (frame.readUInt16BE(12) !== IPV4) continue;
      const packet = packetOf(frame.subarray(ETHERNET_OCTETS));
      if (packet !== null) packets.push(packet);
    }
    return packets;
  }
}

function udpOf(ip) {
  const udp = ip.subarray((ip[0] & 0x0f) * 4);
  return { from: udp.readUInt16BE(0), to: udp.readUInt16BE(2), octets: udp.readUInt16BE(4) - 8 };
}

/** An ICMP message that a port is not there counts as the packet it quotes, taken back. */
function packetOf(ip) {
  if (ip[9] === UDP) return { ...udpOf(ip), unreachable: false };
  if (ip[9] !== ICMP) return null;
  const icmp = ip.subarray((ip[0] & 0x0f) * 4);
  return icmp[0] === ICMP_UNREACHABLE ? { ...udpOf(icmp.subarray(8)), unreachable: true } : null;
}

/** What left `port`, and what arrived there and found somebody. */
export function octetsAt(port, packets) {
  let sent = 0;
  let received = 0;
  for (const packet of packets) {
    if (packet.from === port && !packet.unreachable) sent += packet.octets;
    if (packet.to === port) received += packet.unreachable ? -packet.octets : packet.octets;
  }
  return { sent, received };
}
