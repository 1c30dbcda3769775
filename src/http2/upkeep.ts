import type { Connection } from "./connection.ts";
import { putPing } from "./control-frames.ts";
import { Deadline, Deadlines } from "./deadlines.ts";
import { ErrorCodes } from "./error-code.ts";
import type { TimerWheel } from "./timer-wheel.ts";

const PROBE = Buffer.from("are you?", "latin1");
const FIRST_PROBE_MS = 20;
const PROBE_MS = 1000;
const KEEPALIVE_PING = Buffer.from("keepaliv", "latin1");

/** What time does to a connection: greetings that do not come, heads that do not end, silence, idleness, stalled output. */
export class Upkeep {
  readonly #connection: Connection;
  readonly #deadlines: Deadlines;
  readonly #lookMs: number;
  /** As it was at the last look. */
  #frames = -1;
  #writes = -1;
  #started = -1;
  #idleMs = 0;
  #stalledMs = 0;
  #silentMs = 0;
  #isPinging = false;
  #probes = 0;

  constructor(connection: Connection, wheel: TimerWheel) {
    this.#connection = connection;
    this.#deadlines = new Deadlines(wheel, (deadline) => this.#onDue(deadline));
    const { limits, isServer } = connection;
    const quietMs = isServer ? limits.idleMs : limits.keepaliveMs;
    // Idleness, stalls and silence are found up to a quarter late.
    this.#lookMs = Math.min(quietMs, limits.stallMs) / 4;
    this.#deadlines.set(Deadline.GREETING, limits.prefaceMs);
    this.#deadlines.set(Deadline.ACK, limits.settingsAckMs);
    this.#deadlines.set(Deadline.LOOK, this.#lookMs);
  }

  onGreeting(): void {
    this.#deadlines.clear(Deadline.GREETING);
  }

  onAck(): void {
    this.#deadlines.clear(Deadline.ACK);
  }

  /** A header block or its frame has begun; or is whole. */
  onHead(isOpen: boolean): void {
    if (!isOpen) this.#deadlines.clear(Deadline.HEAD);
    else if (!this.#deadlines.isSet(Deadline.HEAD)) {
      this.#deadlines.set(Deadline.HEAD, this.#connection.limits.headerMs);
    }
  }

  awaitDrainAck(timeoutMs: number): void {
    this.#deadlines.set(Deadline.DRAIN, timeoutMs);
  }

  linger(timeoutMs: number): void {
    this.#deadlines.stop();
    this.#deadlines.set(Deadline.LINGER, timeoutMs);
  }

  /** The peer closed its half: see whether it is there to read. */
  probe(): void {
    // The system of a peer that is gone answers one write with a reset of the connection, and the next one fails by it.
    putPing(this.#connection.output, 0, PROBE);
    this.#deadlines.set(Deadline.PROBE, this.#probes === 0 ? FIRST_PROBE_MS : PROBE_MS);
    this.#probes++;
  }

  stop(): void {
    this.#deadlines.stop();
  }

  #onDue(deadline: number): void {
    const connection = this.#connection;
    switch (deadline) {
      case Deadline.GREETING:
      case Deadline.ACK:
        connection.fail(ErrorCodes.SETTINGS_TIMEOUT, "no SETTINGS in time");
        return;
      case Deadline.HEAD:
        connection.fail(ErrorCodes.ENHANCE_YOUR_CALM, "a header block takes too long");
        return;
      case Deadline.DRAIN:
        connection.finishDrain();
        return;
      case Deadline.PROBE:
        this.probe();
        return;
      case Deadline.LINGER:
        connection.abort();
        return;
      default:
        this.#look();
    }
  }

  #look(): void {
    const connection = this.#connection;
    const { limits } = connection;
    const isStalled = connection.output.backlog > 0 && connection.writes === this.#writes;
    this.#stalledMs = isStalled ? this.#stalledMs + this.#lookMs : 0;
    this.#writes = connection.writes;
    const isIdle = connection.open === 0 && connection.started === this.#started;
    this.#idleMs = isIdle ? this.#idleMs + this.#lookMs : 0;
    this.#started = connection.started;
    if (this.#stalledMs >= limits.stallMs) connection.abort();
    else if (connection.isServer && this.#idleMs >= limits.idleMs) connection.drain();
    else this.#deadlines.set(Deadline.LOOK, this.#askIfAlive());
  }

  /** Milliseconds until the next look. */
  #askIfAlive(): number {
    const connection = this.#connection;
    const isSilent = connection.frames === this.#frames && connection.open > 0;
    this.#frames = connection.frames;
    if (connection.isServer || !isSilent) {
      this.#isPinging = false;
      this.#silentMs = 0;
      return this.#lookMs;
    }
    this.#silentMs += this.#lookMs;
    if (!this.#isPinging && this.#silentMs < connection.limits.keepaliveMs) return this.#lookMs;
    if (this.#isPinging) {
      connection.abort();
      return this.#lookMs;
    }
    this.#isPinging = true;
    putPing(connection.output, 0, KEEPALIVE_PING);
    return connection.limits.keepaliveTimeoutMs;
  }
}
