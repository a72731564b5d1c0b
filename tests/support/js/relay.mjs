// A patched turnserver with the plugin: made in a directory of its own, asked over its interfaces.
import { X509Certificate, createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { Child, run } from "./child.mjs";
import { until } from "./deadline.mjs";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../../..");
export const build = process.env.TURNBROKER_BUILD ?? path.join(root, "build");
export const host = "127.0.0.1";
const SECRET = 'secret = "broker-secret-0123456789"';

/** A port that neither UDP nor TCP uses: the system's choice. */
export async function freePort() {
  for (;;) {
    const tcp = createServer();
    tcp.listen(0, host);
    await once(tcp, "listening");
    const { port } = tcp.address();
    const udp = createSocket("udp4");
    const bound = new Promise((resolve) => {
      udp.once("listening", () => resolve(true));
      udp.once("error", () => resolve(false));
    });
    udp.bind(port, host);
    const free = await bound;
    if (free) udp.close();
    await new Promise((resolve) => tcp.close(resolve));
    if (free) return port;
  }
}

async function writeWhole(file, text) {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export class Relay {
  /**
   * @param {{csps: string, transports?: ("udp" | "tcp" | "tls")[], http?: string, broker?: string,
   *          secret?: string, args?: string[], urls?: string[]}} options
   *          csps, broker, secret, http: lines of TOML
   */
  static async start(options) {
    const relay = new Relay();
    relay.options = { transports: ["udp", "tcp", "tls"], http: "", broker: "", args: [], secret: SECRET, ...options };
    relay.directory = await mkdtemp(path.join(tmpdir(), "turnbroker-js-"));
    [relay.port, relay.tlsPort, relay.httpPort] = [await freePort(), await freePort(), await freePort()];
    await relay.makeCertificate();
    await writeWhole(relay.file("turnbroker.toml"), relay.config());
    await relay.writeCsps(options.csps);
    await relay.launch();
    return relay;
  }

  get baseUrl() {
    return `http://${host}:${this.httpPort}/`;
  }

  file(name) {
    return path.join(this.directory, name);
  }

  urls() {
    const of = {
      udp: `turn:${host}:${this.port}?transport=udp`,
      tcp: `turn:${host}:${this.port}?transport=tcp`,
      tls: `turns:${host}:${this.tlsPort}?transport=tcp`,
    };
    return this.options.urls ?? this.options.transports.map((transport) => of[transport]);
  }

  config() {
    return `[broker]
realm = "relay.test"
${this.options.secret}
state_dir = ${JSON.stringify(this.file("state"))}
include = "csps.toml"
${this.options.broker}
[broker.http]
listen = "${host}:${this.httpPort}"
${this.options.http}
[relay]
id = "test"
urls = ${JSON.stringify(this.urls())}
`;
  }

  /** Takes the place of the file with the [csp.*] tables; the relay notices by itself. */
  async writeCsps(csps) {
    await writeWhole(this.file("csps.toml"), csps);
  }

  async makeCertificate() {
    await run("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
      "-keyout", this.file("key.pem"), "-out", this.file("cert.pem"),
    ]);
    const { publicKey } = new X509Certificate(readFileSync(this.file("cert.pem")));
    const spki = publicKey.export({ type: "spki", format: "der" });
    this.spkiHash = createHash("sha256").update(spki).digest("base64");
  }

  async launch() {
    this.server = new Child(
      path.join(build, "bin/turnserver"),
      [
        "-n", `--listening-ip=${host}`, `--relay-ip=${host}`, `--listening-port=${this.port}`,
        `--tls-listening-port=${this.tlsPort}`, `--cert=${this.file("cert.pem")}`,
        `--pkey=${this.file("key.pem")}`, "--allow-loopback-peers", "--no-cli", "--no-dtls",
        "--no-rfc5780", "--log-file=stdout", "--simple-log", `--pidfile=${this.file("pid")}`,
        `--userdb=${this.file("turndb")}`, `--plugin=${path.join(build, "lib/libturnbroker.so")}`,
        `--plugin-config=${this.file("turnbroker.toml")}`, ...this.options.args,
      ],
      { cwd: this.directory },
    );
    await until(20_000, "the relay's API answers", async () => {
      if (!this.server.running) throw new Error(`turnserver has ended:\n${this.server.tail()}`);
      try {
        return (await fetch(new URL("healthz", this.baseUrl))).ok;
      } catch {
        return false;
      }
    });
  }

  /** Ends the process; the directory stays for a look where something failed. */
  async stop({ keep = false } = {}) {
    const status = await this.server.stop();
    if (status !== 0) throw new Error(`turnserver ended with ${status}:\n${this.server.tail(60)}`);
    if (!keep) await rm(this.directory, { recursive: true });
  }

  async ctl(...args) {
    const output = await run(path.join(build, "bin/turnbrokerctl"), [
      "--socket", this.file("state/control.sock"), "--json", ...args,
    ]);
    return JSON.parse(output);
  }

  async usage(csp, media) {
    const { accounts } = await this.ctl("usage");
    const found = accounts.find((account) => account.csp === csp && account.media === media);
    if (found === undefined) throw new Error(`no account ${csp}/${media}`);
    return found;
  }

  /** Usage records that are written whole. */
  records() {
    const file = this.file("state/usage.jsonl");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line));
  }

  async recordsOf(csp, count) {
    const of = () => this.records().filter((record) => record.csp === csp);
    return until(10_000, `${count} usage records of ${csp}`, () => of().length >= count && of());
  }
}
