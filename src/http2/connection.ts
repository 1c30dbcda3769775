import type { Socket } from "node:net";
import type { Budget } from "./budget.ts";
import { putGoaway, putPing, putReset, putSettings, putWindowUpdate } from "./control-frames.ts";
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
import { ExchangeTable } from "./exchange-table.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameType, LAST_STREAM_ID, PREFACE } from "./frames.ts";
import { type Carrier, H2Exchange, State } from "./h2-exchange.ts";
import type { Head } from "./head.ts";
import type { HeaderList } from "./hpack/header-list.ts";
import { Incoming } from "./incoming.ts";
import { onAnswerHeaders, onRequestHeaders } from "./incoming-heads.ts";
import type { Limits } from "./limits.ts";
import { Output } from "./output.ts";
import { ReceiveSide } from "./receive-side.ts";
import { SendSide } from "./send-side.ts";
import type { Finisher, Turn } from "./turn.ts";
import { Upkeep } from "./upkeep.ts";

/** How long a peer may take to answer the PING after the first GOAWAY of a drain. */
const DRAIN_PING_MS = 100;
const DRAIN_PING = Buffer.from("draining", "latin1");
/** How long a connection that is over waits for the peer to close its side. */
const LINGER_MS = 500;

/**
 * One HTTP/2 connection, either side. States: open; draining (nothing new); closing (over, what was written leaves);
 * ended.
 */
export class Connection implements Carrier, Finisher {
  readonly protocol = "h2";
  readonly peer: Session["peer"];
  readonly limits: Limits;
  readonly isServer: boolean;
  readonly exchanges = new ExchangeTable();
  readonly output: Output;
  readonly send: SendSide;
  readonly receive: ReceiveSide;
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
  readonly #refusals: Budget;
  /** Server: resets by the peer. Client: our own. */
  readonly #resets: Budget;
  /** Server: how much of the preface is to come. */
  #prefaceLeft: number;
  /** Server: the highest id that was handed to the user. */
  #servedId = 0;
  #isDraining = false;
  #isFinal = false;
  #isClosing = false;
  #isEnded = false;
  #inputEnded = false;
  #code: ErrorCode = ErrorCodes.NO_ERROR;

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
    this.send = new SendSide(this.output, this, limits.outputBytes);
    this.receive = new ReceiveSide(limits, turn, this);
    this.controls = turn.budget(limits.controls);
    this.#refusals = turn.budget(limits.refusals);
    this.#resets = turn.budget(isServer ? limits.resets : limits.ownResets);
    this.#incoming = new Incoming(this);
    this.#reader = new FrameReader(this.#incoming);
    this.#upkeep = new Upkeep(this, turn.wheel);
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
    if (this.isServer || this.#isDraining || this.#isClosing || !this.#incoming.hasSettings)
      return 0;
    if (this.started >= this.limits.exchanges) return 0;
    return Math.max(0, Math.min(this.maxStreams, this.limits.streams) - this.exchanges.size);
  }

  /** The last GOAWAY has named the last exchange that is served. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  start<T>(head: Head, end: boolean, handler: ExchangeHandler<T>, own: T): Exchange<T> | undefined {
    if (this.capacity === 0) return undefined;
    this.started++;
    const exchange = new H2Exchange<T>(
      this.exchanges.nextId(),
      this,
      handler,
      own,
      this.send.initialWindow,
      this.receive.initialWindow,
    );
    const record = exchange as H2Exchange;
    this.exchanges.add(record);
    if (end) exchange.state |= State.ENDING;
    if (isHeadRequest(head)) exchange.state |= State.HEAD_ONLY;
    try {
      this.send.head(record, head, end);
    } catch (error) {
      this.#onUnwritable(record, error);
    }
    if (this.started >= this.limits.exchanges) this.#retire();
    return exchange;
  }

  drain(): void {
    if (this.#isDraining || this.#isClosing) return;
    this.#isDraining = true;
    if (this.isServer && this.#incoming.hasSettings) {
      // RFC 9113, 6.8: requests on their way when the first GOAWAY arrives are still served.
      putGoaway(this.output, LAST_STREAM_ID, ErrorCodes.NO_ERROR, "");
      putPing(this.output, 0, DRAIN_PING);
      this.#upkeep.awaitDrainAck(DRAIN_PING_MS);
    } else this.finishDrain();
  }

  /** No request can be on its way any more, or the client takes too long to say so. */
  finishDrain(): void {
    if (this.#isFinal || this.#isClosing) return;
    this.#isFinal = true;
    putGoaway(this.output, this.#servedId, ErrorCodes.NO_ERROR, "");
    this.#closeWhenOver();
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
      this.#onUnwritable(exchange, error);
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
    if (exchange.is(State.CLOSED)) return;
    exchange.state |= State.CLOSED;
    if (exchange.is(State.OVER)) return;
    this.#stop(exchange, code < 0 ? ErrorCodes.CANCEL : code);
    if (!this.isServer && !this.#resets.spend(1)) this.#retire();
  }

  // What the frames of the peer mean.

  onHeaders(id: number, list: HeaderList, ends: boolean): void {
    this.#upkeep.onHead(false);
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
    this.#servedId = id;
    return exchange;
  }

  onHead(exchange: H2Exchange, head: Head, ends: boolean): void {
    try {
      exchange.handler.onHead(exchange, head, ends);
    } catch (error) {
      this.#onThrown(exchange, error);
    }
    this.#afterRead(exchange);
  }

  onData(exchange: H2Exchange, bytes: Bytes, ends: boolean): void {
    try {
      exchange.handler.onData(exchange, bytes, ends);
    } catch (error) {
      this.#onThrown(exchange, error);
    }
    this.#afterRead(exchange);
  }

  onTrailers(exchange: H2Exchange, trailers: Head): void {
    if (exchange.is(State.STOPPING)) return;
    try {
      exchange.handler.onTrailers(exchange, trailers);
    } catch (error) {
      this.#onThrown(exchange, error);
    }
    this.#afterRead(exchange);
  }

  onPeerReset(exchange: H2Exchange, code: ErrorCode): void {
    const answered = exchange.is(this.isServer ? State.STOPPING : State.RECEIVED_END);
    this.#remove(exchange);
    if (answered && code === ErrorCodes.NO_ERROR) this.#close(exchange, ErrorCodes.NO_ERROR);
    else if (code !== ErrorCodes.NO_ERROR) this.#close(exchange, code);
    // A reset never becomes a clean end.
    else this.#close(exchange, this.isServer ? ErrorCodes.CANCEL : ErrorCodes.INTERNAL_ERROR);
    if (this.isServer && !this.#resets.spend(1)) {
      this.fail(ErrorCodes.ENHANCE_YOUR_CALM, "too many resets");
    }
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
    if (payload.compare(DRAIN_PING, 0, DRAIN_PING.length, at, at + 8) === 0 && this.#isDraining) {
      this.finishDrain();
    }
  }

  onGoaway(lastId: number, code: ErrorCode): void {
    if (this.isServer) return; // the client starts no more, and closes
    this.#isDraining = true;
    if (code !== ErrorCodes.NO_ERROR) this.#code = code;
    const unprocessed = [...this.exchanges].filter(({ id }) => id > lastId);
    for (const exchange of unprocessed) this.#remove(exchange);
    this.#handler.onGoaway?.(this, unprocessed);
    for (const exchange of unprocessed) this.#close(exchange, ErrorCodes.REFUSED_STREAM);
    this.#closeWhenOver();
  }

  isIdle(id: number): boolean {
    return this.exchanges.isIdle(id);
  }

  wasResetByUs(id: number): boolean {
    return this.exchanges.wasReset(id);
  }

  /** The peer broke a rule of one exchange, which may be over or never have begun. */
  failStream(id: number, code: ErrorCode): void {
    const exchange = this.exchanges.get(id);
    if (exchange !== undefined) {
      this.failExchange(exchange, code);
      return;
    }
    putReset(this.output, id, code);
    this.exchanges.noteReset(id);
    this.#spendRefusal();
  }

  failExchange(exchange: H2Exchange, code: ErrorCode): void {
    const wasAnswered = exchange.is(State.STOPPING);
    this.#stop(exchange, code);
    this.#close(exchange, wasAnswered ? ErrorCodes.NO_ERROR : code);
    this.#spendRefusal();
  }

  // What the sending and receiving sides tell.

  sendWindowUpdate(id: number, bytes: number): void {
    putWindowUpdate(this.output, id, bytes);
  }

  onHoldingTooMuch(exchange: H2Exchange): void {
    this.#stop(exchange, ErrorCodes.ENHANCE_YOUR_CALM);
    this.#close(exchange, ErrorCodes.ENHANCE_YOUR_CALM);
  }

  onSentEnd(exchange: H2Exchange): void {
    exchange.state |= State.SENT_END;
    if (exchange.is(State.RECEIVED_END)) this.#finish(exchange);
    else if (this.isServer) {
      exchange.state |= State.STOPPING;
      this.#turn.stopLater(exchange);
    }
  }

  onSent(exchange: H2Exchange): void {
    if (exchange.is(State.ENDING | State.OVER)) return;
    try {
      exchange.handler.onDrain(exchange);
    } catch (error) {
      this.#onThrown(exchange, error);
    }
  }

  // What the end of the turn does.

  stopRequest(exchange: H2Exchange): void {
    if (exchange.is(State.OVER)) return;
    if (!exchange.is(State.RECEIVED_END)) {
      putReset(this.output, exchange.id, ErrorCodes.NO_ERROR);
      this.exchanges.noteReset(exchange.id);
    }
    this.#finish(exchange);
  }

  conclude(exchange: H2Exchange): void {
    if (this.isServer && exchange.closeCode === ErrorCodes.NO_ERROR) this.#resets.refund(1);
    this.#close(exchange, exchange.closeCode);
  }

  // The socket.

  read(bytes: Buffer): void {
    if (this.#isClosing) return;
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
    this.#reader.push(bytes, at);
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
    if (!this.#isClosing) this.send.resume();
  }

  /** The peer says nothing more, but may still read: answers to whole requests leave. */
  #onInputEnd(): void {
    this.#inputEnded = true;
    this.#isDraining = true;
    for (const exchange of [...this.exchanges]) {
      if (this.isServer && exchange.is(State.RECEIVED_END)) continue;
      this.#remove(exchange);
      this.#close(exchange, LOST);
    }
    if (this.exchanges.size > 0) this.#upkeep.probe();
    this.#closeWhenOver();
  }

  #onSocketClose(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isClosing = true;
    this.#reader.stop();
    this.#upkeep.stop();
    this.output.discard();
    this.#closeAll(LOST);
    this.#turn.concludeNow(this);
    this.#handler.onEnd(this, this.#code);
  }

  #shut(code: ErrorCode, sent: ErrorCode, reason: string, closeCode: ErrorCode): void {
    if (this.#isClosing) return;
    this.#code = code;
    this.#isClosing = true;
    const lastId = this.isServer ? this.#servedId : 0;
    if (!this.#isFinal || sent !== ErrorCodes.NO_ERROR) {
      putGoaway(this.output, lastId, sent, reason);
    }
    this.#reader.stop();
    this.#closeAll(closeCode);
    this.#leave();
  }

  #closeAll(code: ErrorCode): void {
    for (const exchange of [...this.exchanges]) {
      const wasAnswered = exchange.is(State.STOPPING);
      this.#remove(exchange);
      this.#close(exchange, wasAnswered ? ErrorCodes.NO_ERROR : code);
    }
  }

  #closeWhenOver(): void {
    const mayClose = this.#isFinal || this.#inputEnded || !this.isServer;
    if (!this.#isDraining || !mayClose || this.exchanges.size > 0 || this.#isClosing) return;
    this.#isClosing = true;
    this.#reader.stop();
    this.#leave();
  }

  /** What was written leaves, then the socket closes: a reset of the connection would take it away from the peer. */
  #leave(): void {
    this.output.flush();
    this.#socket.end();
    // What still comes is read and dropped, or the system answers it with a reset.
    this.#socket.resume();
    this.#upkeep.linger(LINGER_MS);
  }

  /** Another connection takes its place; what runs on it ends well. */
  #retire(): void {
    if (this.#isDraining || this.#isClosing) return;
    this.#isDraining = true;
    this.#handler.onGoaway?.(this, []);
    this.#closeWhenOver();
  }

  // The life of an exchange.

  /** No header may look like that: the exchange cannot go on. */
  #onUnwritable(exchange: H2Exchange, error: unknown): void {
    if (!(error instanceof TypeError)) throw error;
    this.#report(exchange, error);
    exchange.closeCode = ErrorCodes.INTERNAL_ERROR;
    this.#stop(exchange, ErrorCodes.INTERNAL_ERROR);
    this.#turn.concludeLater(exchange);
  }

  #afterRead(exchange: H2Exchange): void {
    if (exchange.is(State.OVER) || !exchange.is(State.SENT_END)) return;
    if (exchange.is(State.RECEIVED_END) && !exchange.is(State.STOPPING)) this.#finish(exchange);
  }

  /** Both sides ended. */
  #finish(exchange: H2Exchange): void {
    if (exchange.is(State.OVER)) return;
    this.#remove(exchange);
    this.#turn.concludeLater(exchange);
  }

  #stop(exchange: H2Exchange, code: ErrorCode): void {
    if (exchange.is(State.OVER)) return;
    putReset(this.output, exchange.id, code);
    this.exchanges.noteReset(exchange.id);
    this.#remove(exchange);
  }

  #remove(exchange: H2Exchange): void {
    const hadCapacity = this.isServer || this.capacity > 0;
    exchange.state |= State.OVER;
    this.exchanges.delete(exchange.id);
    this.receive.release(exchange, exchange.held);
    this.send.forget(exchange);
    if (!hadCapacity) this.#offerCapacity();
    if (this.#isDraining) this.#closeWhenOver();
  }

  #close(exchange: H2Exchange, code: ErrorCode): void {
    if (exchange.is(State.CLOSED)) return;
    exchange.state |= State.CLOSED;
    try {
      exchange.handler.onClose(exchange, code);
    } catch (error) {
      this.#report(exchange, error);
    }
  }

  #onThrown(exchange: H2Exchange, error: unknown): void {
    this.#report(exchange, error);
    this.#stop(exchange, ErrorCodes.INTERNAL_ERROR);
    this.#close(exchange, ErrorCodes.INTERNAL_ERROR);
  }

  #report(exchange: H2Exchange, error: unknown): void {
    try {
      exchange.handler.onError?.(exchange, error);
    } catch {
      // Who throws while hearing of an error has been told all there is.
    }
  }

  #offerCapacity(): void {
    if (this.capacity > 0) this.#handler.onCapacity?.(this);
  }

  #spendRefusal(): void {
    if (this.#refusals.spend(1)) return;
    this.fail(ErrorCodes.ENHANCE_YOUR_CALM, "too many exchanges had to be reset");
  }
}

function isHeadRequest(head: Head): boolean {
  for (const { name, value } of head) if (name === ":method") return value === "HEAD";
  return false;
}
