import type { Socket } from "node:net";
import type { Budget } from "./budget.ts";
import { putSettings, putWindowUpdate } from "./control-frames.ts";
import { Ending } from "./ending.ts";
import { ErrorCodes } from "./error-code.ts";
import {
  type Bytes,
  type ErrorCode,
  type Exchange,
  type ExchangeHandler,
  LOST,
  type Session,
  type SessionHandler,
} from "./exchange.ts";
import { ExchangeLife } from "./exchange-life.ts";
import { ExchangeTable } from "./exchange-table.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameType, LAST_STREAM_ID, PREFACE } from "./frames.ts";
import { type Carrier, H2Exchange, State } from "./h2-exchange.ts";
import type { Head } from "./head.ts";
import { asHpackFields } from "./hpack/encoder.ts";
import type { HeaderList } from "./hpack/header-list.ts";
import type { HpackField } from "./hpack/hpack-field.ts";
import { Incoming } from "./incoming.ts";
import { onAnswerHeaders, onRequestHeaders } from "./incoming-heads.ts";
import type { Limits } from "./limits.ts";
import { Output } from "./output.ts";
import { ReceiveSide } from "./receive-side.ts";
import { SendSide } from "./send-side.ts";
import type { Finisher, Turn } from "./turn.ts";
import { headWork, type Reading, TurnShare } from "./turn-share.ts";
import { Upkeep } from "./upkeep.ts";

/**
 * One HTTP/2 connection, either side. States: open; draining (nothing new); closing (over, what was written leaves);
 * ended.
 */
export class Connection implements Carrier, Finisher, Reading {
  readonly protocol = "h2";
  readonly peer: Session["peer"];
  readonly limits: Limits;
  readonly isServer: boolean;
  readonly exchanges = new ExchangeTable();
  readonly output: Output;
  readonly send: SendSide;
  readonly receive: ReceiveSide;
  readonly life: ExchangeLife;
  readonly controls: Budget;
  /** By the peer's SETTINGS. */
  maxStreams = LAST_STREAM_ID;
  /** Exchanges so far, and flushes that have left. */
  started = 0;
  writes = 0;
  readonly #socket: Socket;
  readonly #handler: SessionHandler<unknown>;
  readonly #turn: Turn;
  readonly #incoming: Incoming;
  readonly #reader: FrameReader;
  readonly #upkeep: Upkeep;
  readonly #ending: Ending;
  readonly #share: TurnShare;
  /** What was read and waits for its turn, from `#unreadAt` on. */
  #unread: Buffer | undefined;
  #unreadAt = 0;
  /** Server: how much of the preface is to come. */
  #prefaceLeft: number;
  #hasEnded = false;

  constructor(
    socket: Socket,
    limits: Limits,
    handler: SessionHandler<unknown>,
    isServer: boolean,
    turn: Turn,
  ) {
    this.#socket = socket;
    this.limits = limits;
    this.#handler = handler;
    this.isServer = isServer;
    this.#turn = turn;
    this.peer = { address: socket.remoteAddress ?? "" };
    this.output = new Output(
      socket,
      turn.pool,
      () => turn.touch(this.output),
      () => this.#onWritten(),
    );
    this.life = new ExchangeLife(this, turn);
    this.send = new SendSide(this.output, this.life, limits.outputBytes);
    this.receive = new ReceiveSide(limits, turn, this);
    this.controls = turn.budget(limits.controls);
    this.#incoming = new Incoming(this);
    this.#reader = new FrameReader(this.#incoming);
    this.#share = new TurnShare(turn, limits.turnWork);
    this.#upkeep = new Upkeep(this, turn.wheel);
    this.#ending = new Ending(this, socket, this.#upkeep, () => this.#reader.stop());
    this.#prefaceLeft = isServer ? PREFACE.length : 0;
    if (!isServer) this.output.put(PREFACE);
    putSettings(this.output, limits, isServer);
    this.receive.open();
    socket.on("data", (bytes: Buffer) => this.read(bytes));
    socket.on("end", () => this.#onInputEnd());
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#onSocketClose());
  }

  get open(): number {
    return this.exchanges.size;
  }

  get frames(): number {
    return this.#incoming.frames;
  }

  get capacity(): number {
    if (this.isServer || this.#ending.isDraining || this.#ending.isClosing) return 0;
    if (!this.#incoming.hasSettings) return 0;
    if (this.started >= this.limits.exchanges) return 0;
    return Math.max(0, Math.min(this.maxStreams, this.limits.streams) - this.exchanges.size);
  }

  /** The last GOAWAY has named the last exchange that is served. */
  get isFinal(): boolean {
    return this.#ending.isFinal;
  }

  start<T>(head: Head, end: boolean, handler: ExchangeHandler<T>, own: T): Exchange<T> | undefined {
    if (this.capacity === 0) return undefined;
    const fields = this.#fieldsOrError(head);
    const isStillborn = fields instanceof TypeError;
    const exchange = new H2Exchange<T>(
      isStillborn ? 0 : this.exchanges.nextId(),
      this,
      handler,
      own,
      this.send.initialWindow,
      this.receive.initialWindow,
    );
    const record = exchange as H2Exchange;
    if (isStillborn) {
      // It has no id: the peer must not hear of it.
      this.life.onStillborn(record, fields);
      return exchange;
    }
    this.started++;
    this.exchanges.add(record);
    if (end) exchange.state |= State.ENDING;
    if (isHeadRequest(head)) exchange.state |= State.HEAD_ONLY;
    this.send.head(record, fields, end);
    if (this.started >= this.limits.exchanges) this.#retire();
    return exchange;
  }

  drain(): void {
    this.#ending.drain(this.#incoming.hasSettings);
  }

  finishDrain(): void {
    this.#ending.finishDrain();
  }

  destroy(code: ErrorCode): void {
    this.#shut(code, Math.max(code, ErrorCodes.NO_ERROR), "", code);
  }

  /** The peer broke a rule of the connection. */
  fail(code: ErrorCode, reason: string): void {
    this.#shut(code, code, reason, LOST);
  }

  /** Nothing can be said to the peer any more. */
  abort(): void {
    this.#socket.destroy();
  }

  // What exchanges ask for.

  sendHead(exchange: H2Exchange, head: Head, end: boolean): void {
    if (exchange.is(State.OVER | State.ENDING)) return;
    const isAnswerHead = this.isServer && !exchange.is(State.HEADED);
    if (isAnswerHead) {
      const isInformational = !end && head[0]?.value.startsWith("1") === true;
      if (!isInformational) exchange.state |= State.HEADED;
    } else if (!end) return;
    if (end) exchange.state |= State.ENDING;
    try {
      if (isAnswerHead) this.send.head(exchange, head, end);
      else this.send.trailers(exchange, head);
    } catch (error) {
      this.life.onUnwritable(exchange, error);
    }
  }

  sendData(exchange: H2Exchange, bytes: Bytes, end: boolean): boolean {
    if (exchange.is(State.OVER | State.ENDING)) return true;
    if (this.isServer && !exchange.is(State.HEADED)) return true;
    if (end) exchange.state |= State.ENDING;
    return this.send.data(exchange, bytes, end);
  }

  release(exchange: H2Exchange, bytes: number): void {
    const released = this.receive.release(exchange, bytes);
    if (released > 0 && !exchange.is(State.OVER | State.RECEIVED_END)) {
      this.receive.creditExchange(exchange, released);
    }
  }

  reset(exchange: H2Exchange, code: ErrorCode): void {
    if (!this.life.cancel(exchange, code)) this.#retire();
  }

  // What the frames of the peer mean.

  onHeaders(id: number, list: HeaderList, ends: boolean): void {
    this.#upkeep.onHead(false);
    this.charge(headWork(list.bytes));
    if (this.isServer) onRequestHeaders(this, id, list, ends);
    else onAnswerHeaders(this, id, list, ends);
  }

  /** A new exchange of a server. */
  accept(id: number): H2Exchange {
    const exchange = new H2Exchange(
      id,
      this,
      this.#handler,
      undefined as unknown,
      this.send.initialWindow,
      this.receive.initialWindow,
    );
    this.exchanges.add(exchange);
    this.started++;
    this.#ending.servedId = id;
    return exchange;
  }

  onSettings(): void {
    this.#upkeep.onGreeting();
    this.#offerCapacity();
  }

  onSettingsAck(): void {
    this.#upkeep.onAck();
    this.receive.settle();
  }

  onPingAck(payload: Buffer, at: number): void {
    this.#ending.onPingAck(payload, at);
  }

  onGoaway(lastId: number, code: ErrorCode): void {
    if (this.isServer) return; // the client starts no more, and closes
    this.#ending.isDraining = true;
    if (code !== ErrorCodes.NO_ERROR) this.#ending.code = code;
    const unprocessed = [...this.exchanges].filter(({ id }) => id > lastId);
    this.life.disown(unprocessed, () => this.#handler.onGoaway?.(this, unprocessed));
    this.#ending.closeWhenOver();
  }

  // What the sides of the connection tell.

  sendWindowUpdate(id: number, bytes: number): void {
    putWindowUpdate(this.output, id, bytes);
  }

  onHoldingTooMuch(exchange: H2Exchange): void {
    this.life.fail(exchange, ErrorCodes.ENHANCE_YOUR_CALM);
  }

  /** An exchange is over; `hadRoom`: another could have begun before. */
  onRemoved(hadRoom: boolean): void {
    if (!hadRoom) this.#offerCapacity();
    if (this.#ending.isDraining) this.#ending.closeWhenOver();
  }

  stopRequest(exchange: H2Exchange): void {
    this.life.stopRequest(exchange);
  }

  conclude(exchange: H2Exchange): void {
    this.life.conclude(exchange);
  }

  // The socket.

  read(bytes: Buffer): void {
    if (this.#ending.isClosing) {
      this.#ending.drop(bytes.length);
      return;
    }
    if (this.#unread !== undefined) {
      // Its socket was on its way already, or somebody else resumed it.
      this.#unread = Buffer.concat([this.#unread.subarray(this.#unreadAt), bytes]);
      this.#unreadAt = 0;
      this.#socket.pause();
      return;
    }
    let at = 0;
    if (this.#prefaceLeft > 0) {
      const from = PREFACE.length - this.#prefaceLeft;
      at = Math.min(this.#prefaceLeft, bytes.length);
      if (bytes.compare(PREFACE, from, from + at, 0, at) !== 0) {
        this.fail(ErrorCodes.PROTOCOL_ERROR, "no HTTP/2 preface");
        return;
      }
      this.#prefaceLeft -= at;
    }
    this.#handle(bytes, at);
  }

  /** The next turn has come. */
  readOn(): void {
    const bytes = this.#unread;
    this.#unread = undefined;
    if (bytes === undefined || this.#ending.isClosing) return;
    this.#handle(bytes, this.#unreadAt);
    if (this.#unread === undefined) this.#socket.resume();
  }

  charge(work: number): void {
    this.#share.spend(work);
    if (this.#share.isUsedUp) this.#reader.pause();
  }

  #handle(bytes: Buffer, from: number): void {
    this.#share.renew();
    const at = this.#reader.push(bytes, from);
    this.#share.settle();
    if (at < bytes.length && !this.#ending.isClosing) {
      this.#unread = bytes;
      this.#unreadAt = at;
      this.#socket.pause();
      this.#turn.readLater(this);
    }
    const { restType } = this.#reader;
    if (restType === FrameType.HEADERS || restType === FrameType.CONTINUATION) this.watchHead();
    if (this.output.backlog > this.limits.backlogBytes) {
      this.fail(ErrorCodes.ENHANCE_YOUR_CALM, "output is not read");
    }
  }

  /** A header block has begun and must be whole in time. */
  watchHead(): void {
    this.#upkeep.onHead(true);
  }

  #onWritten(): void {
    this.writes++;
    if (!this.#ending.isClosing) this.send.resume();
  }

  /** The peer says nothing more, but may still read: answers to whole requests leave. */
  #onInputEnd(): void {
    this.#ending.inputEnded = true;
    this.#ending.isDraining = true;
    for (const exchange of [...this.exchanges]) {
      if (this.isServer && exchange.is(State.RECEIVED_END)) continue;
      this.life.lose(exchange, LOST);
    }
    if (this.exchanges.size > 0) this.#upkeep.probe();
    this.#ending.closeWhenOver();
  }

  #onSocketClose(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ending.isClosing = true;
    this.#reader.stop();
    this.#upkeep.stop();
    this.output.discard();
    this.#closeAll(LOST);
    this.#turn.concludeNow(this);
    this.#handler.onEnd(this, this.#ending.code);
  }

  #shut(code: ErrorCode, sent: ErrorCode, reason: string, closeCode: ErrorCode): void {
    if (!this.#ending.shut(code, sent, reason)) return;
    this.#closeAll(closeCode);
    this.#ending.leave();
  }

  #closeAll(code: ErrorCode): void {
    for (const exchange of [...this.exchanges]) this.life.lose(exchange, code);
  }

  /** Another connection takes its place; what runs on it ends well. */
  #retire(): void {
    if (this.#ending.isDraining || this.#ending.isClosing) return;
    this.#ending.isDraining = true;
    this.#handler.onGoaway?.(this, []);
    this.#ending.closeWhenOver();
  }

  #fieldsOrError(head: Head): readonly HpackField[] | TypeError {
    try {
      return asHpackFields(head);
    } catch (error) {
      if (error instanceof TypeError) return error;
      throw error;
    }
  }

  #offerCapacity(): void {
    if (this.capacity > 0) this.#handler.onCapacity?.(this);
  }
}

function isHeadRequest(head: Head): boolean {
  for (const { name, value } of head) if (name === ":method") return value === "HEAD";
  return false;
}
