import { EventEmitter, once } from "node:events";
import type { LogEntry } from "./call-log.ts";
import { nowMs } from "./issuer-fixture.test.ts";
import { type RunServerOptions, runServer } from "./run-server.ts";
import { routes } from "./server-fixture.test.ts";

/** A server program in this process: what it wrote, and a way to end it. */
export class FakeProcess extends EventEmitter {
  readonly argv: readonly string[];
  readonly env: Record<string, string | undefined>;
  out = "";
  err = "";
  readonly stdout = {
    write: (text: string) => {
      this.out += text;
      this.emit("wrote");
    },
  };
  readonly stderr = {
    write: (text: string) => {
      this.err += text;
      this.emit("wrote");
    },
  };
  readonly exit: Promise<number>;

  constructor(flags: readonly string[], env: Record<string, string | undefined> = {}, more = {}) {
    super();
    this.argv = ["node", "main.ts", ...flags];
    this.env = env;
    const options: RunServerOptions = { process: this, nowMs: () => nowMs, ...more };
    this.exit = runServer(routes, options);
  }

  get entries(): readonly LogEntry[] {
    return this.out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /** Where it listens. */
  async url(): Promise<URL> {
    for (;;) {
      const ready = this.entries.find(({ message }) => message === "listening");
      if (ready !== undefined) return new URL(String(ready.url));
      await Promise.race([once(this, "wrote"), this.exit]);
    }
  }

  async stop(signal = "SIGTERM"): Promise<number> {
    this.emit(signal);
    return this.exit;
  }
}
