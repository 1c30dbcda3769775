import type { Connection } from "./connection.ts";
import { ErrorCodes } from "./error-code.ts";
import type { FrameSink } from "./frame-reader.ts";
import { Flag, FrameType } from "./frames.ts";
import { type H2Exchange, State } from "./h2-exchange.ts";
import { type BlockFault, HeaderBlocks } from "./header-blocks.ts";
import { Decoder } from "./hpack/decoder.ts";
import type { HeaderList } from "./hpack/header-list.ts";
import { HpackError } from "./hpack/hpack-error.ts";
import { IncomingControls } from "./incoming-controls.ts";
import { announce } from "./incoming-heads.ts";
import { blockWork } from "./turn-share.ts";

const NOTHING = new Uint8Array(0);
/** A DATA frame goes on as one of ours: it costs more than one that is only read. */
const DATA_WORK = 4;

/** What a connection makes of the frames it gets: the rules of RFC 9113, sections 5 and 6. */
export class Incoming implements FrameSink {
  /** Frames so far; a keepalive sees by it that the peer lives. */
  frames = 0;
  readonly #connection: Connection;
  readonly #controls: IncomingControls;
  readonly #blocks: HeaderBlocks;
  readonly #decoder: Decoder;
  /** Whose DATA frame is being read, and whether it ends the body; undefined: nobody's. */
  #exchange: H2Exchange | undefined;
  #ends = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#controls = new IncomingControls(connection);
    this.#blocks = new HeaderBlocks(connection.limits);
    this.#decoder = new Decoder(connection.limits);
  }

  get hasSettings(): boolean {
    return this.#controls.hasSettings;
  }

  onUnreadable(reason: "too large" | "padding"): void {
    if (reason === "too large") {
      this.#connection.fail(ErrorCodes.FRAME_SIZE_ERROR, "frame too large");
    } else this.#connection.fail(ErrorCodes.PROTOCOL_ERROR, "padding longer than its frame");
  }

  onFrame(type: number, flags: number, id: number, payload: Buffer, at: number, end: number): void {
    this.frames++;
    this.#connection.charge(1);
    if (!this.#isExpected(type, id)) return;
    switch (type) {
      case FrameType.HEADERS:
        if (this.#controls.isOnStream(id))
          this.#onBlock(this.#blocks.begin(flags, id, payload, at, end));
        return;
      case FrameType.CONTINUATION:
        if (this.#blocks.openId === 0) this.#controls.protocolError("unexpected CONTINUATION");
        else this.#onBlock(this.#blocks.continue(flags, payload, at, end));
        return;
      case FrameType.PRIORITY:
        this.#controls.onPriority(id, payload, at, end);
        return;
      case FrameType.RST_STREAM:
        this.#controls.onReset(id, payload, at, end);
        return;
      case FrameType.SETTINGS:
        this.#controls.onSettings(flags, id, payload, at, end);
        return;
      case FrameType.PUSH_PROMISE:
        this.#controls.protocolError("PUSH_PROMISE");
        return;
      case FrameType.PING:
        this.#controls.onPing(flags, id, payload, at, end);
        return;
      case FrameType.GOAWAY:
        this.#controls.onGoaway(id, payload, at, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#controls.onWindowUpdate(id, payload, at, end);
        return;
      default:
        // Unknown types mean nothing (RFC 9113, 5.5), but are not free.
        this.#controls.spend(1);
    }
  }

  onDataBegin(flags: number, id: number, length: number, body: number): void {
    this.frames++;
    const connection = this.#connection;
    connection.charge(DATA_WORK);
    this.#exchange = undefined;
    if (!this.#isExpected(FrameType.DATA, id) || !this.#controls.isOnStream(id)) return;
    const { receive } = connection;
    if (!receive.take(length)) {
      connection.fail(ErrorCodes.FLOW_CONTROL_ERROR, "the connection's window is exceeded");
      return;
    }
    if (length > 0) receive.credit(length);
    const ends = (flags & Flag.END_STREAM) !== 0;
    if (length === 0 && !ends && !this.#controls.spend(1)) return;
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
      this.#controls.protocolError("a header block is not whole");
      return false;
    }
    if (!this.#controls.hasSettings && type !== FrameType.SETTINGS) {
      this.#controls.protocolError("SETTINGS must come first");
      return false;
    }
    return true;
  }

  #onBlock(block: BlockFault | "open" | "whole"): void {
    const connection = this.#connection;
    switch (block) {
      case "open":
        connection.watchHead();
        return;
      case "padding":
        this.#controls.protocolError("padding longer than its frame");
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
    connection.charge(blockWork(blocks.end - blocks.at));
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

  #onClosedStream(id: number, what: string): void {
    const connection = this.#connection;
    if (connection.exchanges.isIdle(id)) this.#controls.protocolError(`${what} on an idle stream`);
    else if (connection.exchanges.wasReset(id)) this.#controls.spend(1);
    else connection.life.refuse(id, ErrorCodes.STREAM_CLOSED);
  }
}
