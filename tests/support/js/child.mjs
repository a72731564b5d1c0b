// Processes that do not outlive the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { within } from "./deadline.mjs";

const OUTPUT_CHARACTERS_MAX = 4 << 20;

export class Child {
  output = "";

  constructor(program, args, options = {}) {
    this.name = program.split("/").pop();
    // setpriv: even a test that is killed leaves nothing running.
    this.process = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    this.ended = once(this.process, "close");
    this.ended.catch(() => {}); // heard by whoever waits
    for (const stream of [this.process.stdout, this.process.stderr]) {
      if (options.raw && stream === this.process.stdout) continue;
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.output = (this.output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
  }

  get running() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Its exit status; it must end by itself after the signal. */
  async stop(signal = "SIGTERM") {
    if (this.running) this.process.kill(signal);
    try {
      const [status, killedBy] = await within(20_000, `the end of ${this.name}`, this.ended);
      if (killedBy !== null) throw new Error(`${this.name} was ended by ${killedBy}\n${this.tail()}`);
      return status;
    } catch (error) {
      this.process.kill("SIGKILL");
      throw error;
    }
  }

  tail(lines = 20) {
    return this.output.split("\n").slice(-lines).join("\n");
  }
}

/** Output of a program that has to succeed. */
export async function run(program, args, options = {}) {
  const child = new Child(program, args, options);
  const [status] = await within(options.ms ?? 30_000, child.name, child.ended);
  if (status !== 0) throw new Error(`${child.name} ended with ${status}:\n${child.tail()}`);
  return child.output;
}
