import type { Connection } from "./connection.ts";
import { putPing, putSettingsAck } from "./control-frames.ts";
import { ErrorCodes } from "./error-code.ts";
import type { ErrorCode } from "./exchange.ts";
import type { FrameSink } from "./frame-reader.ts";
import { Flag, FrameType, LARGEST_WINDOW } from "./frames.ts";
import { type H2Exchange, State } from "./h2-exchange.ts";
import { type BlockFault, HeaderBlocks } from "./header-blocks.ts";
import { Decoder } from "./hpack/decoder.ts";
import type { HeaderList } from "./hpack/header-list.ts";
import { HpackError } from "./hpack/hpack-error.ts";
import { announce } from "./incoming-heads.ts";
import { applySettings } from "./peer-settings.ts";

const SETTINGS_COST = 10;
/**
 * What a peer may say to each DATA frame of ours: a WINDOW_UPDATE for the exchange and one for the connection, and the
 * PING by which gRPC's own clients and servers measure how much may be on its way.
 */
const CONTROLS_A_DATA_FRAME = 4;
const NOTHING = new Uint8Array(0);

/** What a connection makes of the frames it gets: the rules of RFC 9113, sections 5 and 6. */
export class Incoming implements FrameSink {
  /** The peer's first SETTINGS came. */
  hasSettings = false;
  /** Frames so far; a keepalive sees by it that the peer lives. */
  frames = 0;
  readonly #connection: Connection;
  readonly #blocks: HeaderBlocks;
  readonly #decoder: Decoder;
  /** Whose DATA frame is being read, and whether it ends the body; undefined: nobody's. */
  #exchange: H2Exchange | undefined;
  #ends = false;
  /** Our DATA frames that the peer has had its controls for. */
  #answeredFrames = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#blocks = new HeaderBlocks(connection.limits);
    this.#decoder = new Decoder(connection.limits);
  }

  onUnreadable(reason: "too large" | "padding"): void {
    if (reason === "too large") {
      this.#connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "frame too large");
    } else this.#connection.fail(ErrorCodes.PROTOCOL_ERROR, "padding longer than its frame");
  }

  onFrame(type: number, flags: number, id: number, payload: Buffer, at: number, end: number): void {
    this.frames++;
    if (!this.#isExpected(type, id)) return;
    switch (type) {
      case FrameType.HEADERS:
        if (this.#isOnStream(id)) this.#onBlock(this.#blocks.begin(flags, id, payload, at, end));
        return;
      case FrameType.CONTINUATION:
        if (this.#blocks.openId === 0) this.#protocolError("unexpected CONTINUATION");
        else this.#onBlock(this.#blocks.continue(flags, payload, at, end));
        return;
      case FrameType.PRIORITY:
        this.#onPriority(id, payload, at, end);
        return;
      case FrameType.RST_STREAM:
        this.#onReset(id, payload, at, end);
        return;
      case FrameType.SETTINGS:
        this.#onSettings(flags, id, payload, at, end);
        return;
      case FrameType.PUSH_PROMISE:
        this.#protocolError("PUSH_PROMISE");
        return;
      case FrameType.PING:
        this.#onPing(flags, id, payload, at, end);
        return;
      case FrameType.GOAWAY:
        this.#onGoaway(id, payload, at, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(id, payload, at, end);
        return;
      default:
        // Unknown types mean nothing (RFC 9113, 5.5), but are not free.
        this.#spendControl(1);
    }
  }

  onDataBegin(flags: number, id: number, length: number, body: number): void {
    this.frames++;
    const connection = this.#connection;
    this.#exchange = undefined;
    if (!this.#isExpected(FrameType.DATA, id) || !this.#isOnStream(id)) return;
    const { receive } = connection;
    if (!receive.take(length)) {
      connection.fail(ErrorCodes.FLOW_CONTROL_ERROR, "the connection's window is exceeded");
      return;
    }
    if (length > 0) receive.credit(length);
    const ends = (flags & Flag.END_STREAM) !== 0;
    if (length === 0 && !ends && !this.#spendControl(1)) return;
    const exchange = connection.exchanges.get(id);
    if (exchange === undefined) {
      this.#onClosedStream(id, "DATA");
      return;
    }
    if (exchange.is(State.RECEIVED_END)) {
      connection.life.refuse(exchange.id, ErrorCodes.STREAM_CLOSED);
      return;
    }
    exchange.receiveWindow -= length;
    if (exchange.receiveWindow < 0) {
      connection.life.refuse(exchange.id, ErrorCodes.FLOW_CONTROL_ERROR);
      return;
    }
    if (length > body) receive.creditExchange(exchange, length - body);
    // Data before the answer's head, or other than content-length said.
    const isEarly = !connection.isServer && !exchange.is(State.HEADED);
    if (isEarly || !announce(exchange, body, ends)) {
      connection.life.refuse(exchange.id, ErrorCodes.PROTOCOL_ERROR);
      return;
    }
    this.#exchange = exchange;
    this.#ends = ends;
  }

  onDataPart(source: Buffer, at: number, end: number, isLast: boolean): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    if (isLast) this.#exchange = undefined;
    if (exchange.is(State.OVER)) return;
    const ends = isLast && this.#ends;
    const isEmpty = at === end;
    if (isEmpty && !ends) return;
    if (ends) exchange.state |= State.RECEIVED_END;
    if (exchange.is(State.STOPPING)) return;
    if (!isEmpty) this.#connection.receive.hold(exchange, end - at);
    if (exchange.is(State.OVER)) return; // it held too much
    this.#connection.life.onData(exchange, isEmpty ? NOTHING : source.subarray(at, end), ends);
  }

  #isExpected(type: number, id: number): boolean {
    const { openId } = this.#blocks;
    if (openId !== 0 && (type !== FrameType.CONTINUATION || id !== openId)) {
      this.#protocolError("a header block is not whole");
      return false;
    }
    if (!this.hasSettings && type !== FrameType.SETTINGS) {
      this.#protocolError("SETTINGS must come first");
      return false;
    }
    return true;
  }

  #isOnStream(id: number): boolean {
    if (id !== 0) return true;
    this.#protocolError("a frame of an exchange on stream 0");
    return false;
  }

  #onBlock(block: BlockFault | "open" | "whole"): void {
    const connection = this.#connection;
    switch (block) {
      case "open":
        connection.watchHead();
        return;
      case "padding":
        this.#protocolError("padding longer than its frame");
        return;
      case "priority":
        connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "HEADERS too short");
        return;
      case "too large":
      case "flood":
        connection.fail(ErrorCodes.ENHANCE_YOUR_CALM, "header block too large");
        return;
      default:
    }
    const blocks = this.#blocks;
    let list: HeaderList;
    try {
      list = this.#decoder.decode(blocks.bytes, blocks.at, blocks.end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      connection.fail(ErrorCodes.COMPRESSION_ERROR, error.message);
      return;
    }
    blocks.forget();
    if (blocks.isSelfDependent) list.isMalformed = true;
    connection.onHeaders(blocks.id, list, blocks.ends);
  }

  #onPriority(id: number, payload: Buffer, at: number, end: number): void {
    if (!this.#isOnStream(id) || !this.#spendControl(1)) return;
    const isShort = end - at !== 5;
    if (!isShort && (payload.readUInt32BE(at) & 0x7fffffff) !== id) return;
    // Priorities are not used; only their form is checked.
    this.#connection.life.refuse(
      id,
      isShort ? ErrorCodes.FRAME_SIZE_ERROR : ErrorCodes.PROTOCOL_ERROR,
    );
  }

  #onReset(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (!this.#isOnStream(id)) return;
    if (end - at !== 4) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "RST_STREAM of other than 4 octets");
      return;
    }
    const exchange = connection.exchanges.get(id);
    if (exchange !== undefined) connection.life.onPeerReset(exchange, payload.readUInt32BE(at));
    else if (connection.exchanges.isIdle(id)) this.#protocolError("RST_STREAM on an idle stream");
    else this.#spendControl(1);
  }

  #onSettings(flags: number, id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) {
      this.#protocolError("SETTINGS on an exchange");
    } else if ((flags & Flag.ACK) !== 0) {
      if (end !== at) connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "SETTINGS ack with content");
      else if (!this.hasSettings) this.#protocolError("SETTINGS must come first");
      else connection.onSettingsAck();
    } else if ((end - at) % 6 !== 0) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "SETTINGS of no multiple of 6 octets");
    } else if (this.#spendControl(SETTINGS_COST)) {
      // Before what the new settings let go.
      putSettingsAck(connection.output);
      this.hasSettings = true;
      const code = applySettings(payload, at, end, connection);
      if (code === undefined) connection.onSettings();
      else connection.fail(code, "SETTINGS out of range");
    }
  }

  #onPing(flags: number, id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) this.#protocolError("PING on an exchange");
    else if (end - at !== 8)
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "PING of other than 8 octets");
    else if ((flags & Flag.ACK) !== 0) {
      if (this.#spendControl(1)) connection.onPingAck(payload, at);
    } else if (this.#spendControl(1)) {
      putPing(connection.output, Flag.ACK, payload.subarray(at, end));
    }
  }

  #onGoaway(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (id !== 0) this.#protocolError("GOAWAY on an exchange");
    else if (end - at < 8) connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "GOAWAY too short");
    else if (this.#spendControl(SETTINGS_COST)) {
      connection.onGoaway(payload.readUInt32BE(at) & 0x7fffffff, payload.readUInt32BE(at + 4));
    }
  }

  #onWindowUpdate(id: number, payload: Buffer, at: number, end: number): void {
    const connection = this.#connection;
    if (end - at !== 4) {
      connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "WINDOW_UPDATE of other than 4 octets");
      return;
    }
    if (!this.#spendControl(1)) return;
    const more = payload.readUInt32BE(at) & 0x7fffffff;
    const { send } = connection;
    if (id === 0) {
      send.window += more;
      if (more === 0) this.#protocolError("WINDOW_UPDATE of 0");
      else if (send.window > LARGEST_WINDOW) {
        connection.fail(ErrorCodes.FLOW_CONTROL_ERROR, "the connection's window is too large");
      } else send.resume();
      return;
    }
    const exchange = connection.exchanges.get(id);
    if (exchange === undefined) {
      if (connection.exchanges.isIdle(id)) this.#protocolError("WINDOW_UPDATE on an idle stream");
      return;
    }
    exchange.sendWindow += more;
    if (more === 0) connection.life.refuse(exchange.id, ErrorCodes.PROTOCOL_ERROR);
    else if (exchange.sendWindow > LARGEST_WINDOW) {
      connection.life.refuse(exchange.id, ErrorCodes.FLOW_CONTROL_ERROR);
    } else send.resumeOne(exchange);
  }

  #onClosedStream(id: number, what: string): void {
    const connection = this.#connection;
    if (connection.exchanges.isIdle(id)) this.#protocolError(`${what} on an idle stream`);
    else if (connection.exchanges.wasReset(id)) this.#spendControl(1);
    else connection.life.refuse(id, ErrorCodes.STREAM_CLOSED);
  }

  #spendControl(cost: number): boolean {
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

  #protocolError(reason: string): void {
    const code: ErrorCode = ErrorCodes.PROTOCOL_ERROR;
    this.#connection.fail(code, reason);
  }
}
