import type { Connection } from "./connection.ts";
import { putPing, putSettingsAck } from "./control-frames.ts";
import { ErrorCodes } from "./error-code.ts";
import { Flag, LARGEST_WINDOW } from "./frames.ts";
import { applySettings } from "./peer-settings.ts";

const SETTINGS_COST = 10;
/**
 * What a peer may say to each DATA frame of ours: a WINDOW_UPDATE for the exchange and one for the connection, and the
 * PING by which gRPC's own clients and servers measure how much may be on its way.
 */
const CONTROLS_A_DATA_FRAME = 4;

/** The frames of a peer that carry neither heads nor data. */
export class IncomingControls {
  /** The peer's first SETTINGS came. */
  hasSettings = false;
  /** Our DATA frames that the peer has had its controls for. */
  #answeredFrames = 0;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  onPriority(id: number, payload: Buffer, at: number, end: number): void {
    if (!this.isOnStream(id) || !this.spend(1)) return;
    const isShort = end - at !== 5;
    if (!isShort && (payload.readUInt32BE(at) & 0x7fffffff) !== id) return;
    // Priorities are not used; only their form is checked.
    this.#connection.life.refuse(
      id,
      isShort ? ErrorCodes.FRAME_SIZE_ERROR : ErrorCodes.PROTOCOL_ERROR,
    );
  }

  onReset(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (!this.isOnStream(id)) return;
    if (end - at !== 4) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "RST_STREAM of other than 4 octets");
      return;
    }
    const exchange = connection.exchanges.get(id);
    if (exchange !== undefined) connection.life.onPeerReset(exchange, payload.readUInt32BE(at));
    else if (connection.exchanges.isIdle(id)) this.protocolError("RST_STREAM on an idle stream");
    else this.spend(1);
  }

  onSettings(flags: number, id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) {
      this.protocolError("SETTINGS on an exchange");
    } else if ((flags & Flag.ACK) !== 0) {
      if (end !== at) connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "SETTINGS ack with content");
      else if (!this.hasSettings) this.protocolError("SETTINGS must come first");
      else connection.onSettingsAck();
    } else if ((end - at) % 6 !== 0) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "SETTINGS of no multiple of 6 octets");
    } else if (this.spend(SETTINGS_COST)) {
      // Before what the new settings let go.
      putSettingsAck(connection.output);
      this.hasSettings = true;
      const code = applySettings(payload, at, end, connection);
      if (code === undefined) connection.onSettings();
      else connection.fail(code, "SETTINGS out of range");
    }
  }

  onPing(flags: number, id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) this.protocolError("PING on an exchange");
    else if (end - at !== 8)
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "PING of other than 8 octets");
    else if ((flags & Flag.ACK) !== 0) {
      if (this.spend(1)) connection.onPingAck(payload, at);
    } else if (this.spend(1)) {
      putPing(connection.output, Flag.ACK, payload.subarray(at, end));
    }
  }

  onGoaway(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) this.protocolError("GOAWAY on an exchange");
    else if (end - at < 8) connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "GOAWAY too short");
    else if (this.spend(SETTINGS_COST)) {
      connection.onGoaway(payload.readUInt32BE(at) & 0x7fffffff, payload.readUInt32BE(at + 4));
    }
  }

  onWindowUpdate(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (end - at !== 4) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "WINDOW_UPDATE of other than 4 octets");
      return;
    }
    if (!this.spend(1)) return;
    const more = payload.readUInt32BE(at) & 0x7fffffff;
    const { send } = connection;
    if (id === 0) {
      send.window += more;
      if (more === 0) this.protocolError("WINDOW_UPDATE of 0");
      else if (send.window > LARGEST_WINDOW) {
        connection.fail(ErrorCodes.FLOW_CONTROL_ERROR, "the connection's window is too large");
      } else send.resume();
      return;
    }
    const exchange = connection.exchanges.get(id);
    if (exchange === undefined) {
      if (connection.exchanges.isIdle(id)) this.protocolError("WINDOW_UPDATE on an idle stream");
      return;
    }
    exchange.sendWindow += more;
    if (more === 0) connection.life.refuse(exchange.id, ErrorCodes.PROTOCOL_ERROR);
    else if (exchange.sendWindow > LARGEST_WINDOW) {
      connection.life.refuse(exchange.id, ErrorCodes.FLOW_CONTROL_ERROR);
    } else send.resumeOne(exchange);
  }

  isOnStream(id: number): boolean {
    if (id !== 0) return true;
    this.protocolError("a frame of an exchange on stream 0");
    return false;
  }

  /** False: the peer sent more of what costs it nothing than it may, and the connection ends. */
  spend(cost: number): boolean {
    const { controls, output } = this.#connection;
    const { dataFrames } = output;
    if (dataFrames !== this.#answeredFrames) {
      controls.refund((dataFrames - this.#answeredFrames) * CONTROLS_A_DATA_FRAME);
      this.#answeredFrames = dataFrames;
    }
    if (controls.spend(cost)) return true;
    this.#connection.fail(ErrorCodes.ENHANCE_YOUR_CALM, "too many control frames");
    return false;
  }

  protocolError(reason: string): void {
    this.#connection.fail(ErrorCodes.PROTOCOL_ERROR, reason);
  }
}
