import type { Socket } from "node:net";
import type { Connection } from "./connection.ts";
import { putGoaway, putPing } from "./control-frames.ts";
import { ErrorCodes } from "./error-code.ts";
import type { ErrorCode } from "./exchange.ts";
import { LAST_STREAM_ID } from "./frames.ts";
import type { Upkeep } from "./upkeep.ts";

/** How long a peer may take to answer the PING after the first GOAWAY of a drain. */
const DRAIN_PING_MS = 100;
const DRAIN_PING = Buffer.from("draining", "latin1");
/** How long a connection that is over waits for the peer to close its side. */
const LINGER_MS = 500;

/**
 * How a connection ends. Draining: nothing new begins; a server says so by GOAWAY with the highest id there can be, and
 * by a last one with the last id it serves, when no request can be on its way any more. Closing: it is over, and what
 * was written leaves.
 */
export class Ending {
  isDraining = false;
  /** The last GOAWAY has left. */
  isFinal = false;
  isClosing = false;
  /** The peer says nothing more. */
  inputEnded = false;
  /** What onEnd will say. */
  code: ErrorCode = ErrorCodes.NO_ERROR;
  /** Server: the highest id that was handed to the user. */
  servedId = 0;
  /** What came when it was over. */
  #droppedBytes = 0;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #upkeep: Upkeep;
  /** No more frames are read. */
  readonly #stopReading: () => void;

  constructor(connection: Connection, socket: Socket, upkeep: Upkeep, stopReading: () => void) {
    this.#connection = connection;
    this.#socket = socket;
    this.#upkeep = upkeep;
    this.#stopReading = stopReading;
  }

  /** `isGreeted`: the peer's SETTINGS came, so that it understands GOAWAY. */
  drain(isGreeted: boolean): void {
    if (this.isDraining || this.isClosing) return;
    this.isDraining = true;
    const { isServer, output } = this.#connection;
    if (isServer && isGreeted) {
      // RFC 9113, 6.8: requests on their way when the first GOAWAY arrives are still served.
      putGoaway(output, LAST_STREAM_ID, ErrorCodes.NO_ERROR, "");
      putPing(output, 0, DRAIN_PING);
      this.#upkeep.awaitDrainAck(DRAIN_PING_MS);
    } else this.finishDrain();
  }

  onPingAck(payload: Buffer, at: number): void {
    const isDrainPing = payload.compare(DRAIN_PING, 0, DRAIN_PING.length, at, at + 8) === 0;
    if (isDrainPing && this.isDraining) this.finishDrain();
  }

  /** No request can be on its way any more, or the client takes too long to say so. */
  finishDrain(): void {
    if (this.isFinal || this.isClosing) return;
    this.isFinal = true;
    putGoaway(this.#connection.output, this.servedId, ErrorCodes.NO_ERROR, "");
    this.closeWhenOver();
  }

  /** GOAWAY and the end. False: it was over before. */
  shut(code: ErrorCode, sent: ErrorCode, reason: string): boolean {
    if (this.isClosing) return false;
    this.code = code;
    this.isClosing = true;
    const { output } = this.#connection;
    if (!this.isFinal || sent !== ErrorCodes.NO_ERROR) {
      putGoaway(output, this.servedId, sent, reason);
    }
    this.#stopReading();
    return true;
  }

  closeWhenOver(): void {
    const { isServer, exchanges } = this.#connection;
    const mayClose = this.isFinal || this.inputEnded || !isServer;
    if (!this.isDraining || !mayClose || exchanges.size > 0 || this.isClosing) return;
    this.isClosing = true;
    this.#stopReading();
    this.leave();
  }

  /** So many bytes came when it was over. A peer that goes on and on does not get to read our last word. */
  drop(bytes: number): void {
    this.#droppedBytes += bytes;
    if (this.#droppedBytes > this.#connection.limits.lingerBytes) this.#connection.abort();
  }

  /** What was written leaves, then the socket closes: a reset of the connection would take it away from the peer. */
  leave(): void {
    this.#connection.output.flush();
    this.#socket.end();
    // What still comes is read and dropped, or the system answers it with a reset.
    this.#socket.resume();
    this.#upkeep.linger(LINGER_MS);
  }
}
