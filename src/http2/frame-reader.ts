import { Flag, FRAME_BYTES, FRAME_HEADER_BYTES, FrameType } from "./frames.ts";

/** What a FrameReader calls, in the order of the wire. */
export interface FrameSink {
  /** A whole frame other than DATA. `payload` may be a buffer that is used again: nothing of it may be kept. */
  onFrame(type: number, flags: number, id: number, payload: Buffer, at: number, end: number): void;
  /** A DATA frame begins: `length` with padding, of which `body` are data. */
  onDataBegin(flags: number, id: number, length: number, body: number): void;
  /** Some of the body of that frame, at once when it came. `isLast`: the rest of it; comes for an empty body too. */
  onDataPart(source: Buffer, at: number, end: number, isLast: boolean): void;
  /** The peer sent what cannot be read on. */
  onUnreadable(reason: "too large" | "padding"): void;
}

/** Bytes of a frame whose rest has not come are collected in at least so much. */
const SMALLEST_REST = 64;

/** Cuts a connection's bytes into frames. DATA is passed on as it comes; other frames when they are whole. */
export class FrameReader {
  readonly #sink: FrameSink;
  #isStopped = false;
  #isPausing = false;
  /** The beginning of a frame. */
  #rest: Buffer | undefined;
  #restBytes = 0;
  /** In a DATA frame: what is to come of its body and of its padding. */
  #body = -1;
  #padding = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** A frame that began with other than DATA is not whole yet. */
  get isInFrame(): boolean {
    return this.#restBytes > 0;
  }

  /** Type of that frame, once it is known. */
  get restType(): number {
    return this.#restBytes > 3 ? (this.#rest?.[3] ?? 0) : -1;
  }

  /** Memory that the beginning of a frame takes. */
  get restCapacity(): number {
    return this.#rest?.length ?? 0;
  }

  /** No more calls; what comes is ignored. */
  stop(): void {
    this.#isStopped = true;
    this.#rest = undefined;
    this.#restBytes = 0;
  }

  /** `push` returns behind the frame that is being read. */
  pause(): void {
    this.#isPausing = true;
  }

  /** Where it stopped: the end of `source`, unless it was paused before. */
  push(source: Buffer, at: number): number {
    const { length } = source;
    this.#isPausing = false;
    while (!this.#isPausing && (at < length || this.#body === 0)) {
      if (this.#isStopped) return length;
      if (this.#body >= 0) at = this.#readBody(source, at);
      else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, length - at);
        this.#padding -= skipped;
        at += skipped;
      } else if (this.#restBytes > 0) at = this.#complete(source, at);
      else {
        const needed = this.#needed(source, at, length - at);
        if (needed > FRAME_HEADER_BYTES + FRAME_BYTES) this.#sink.onUnreadable("too large");
        else if (length - at < needed) this.#keep(source, at, length, needed);
        else this.#dispatch(source, at);
        at = Math.min(length, at + needed);
      }
    }
    return this.#isStopped ? length : at;
  }

  #readBody(source: Buffer, at: number): number {
    const end = Math.min(source.length, at + this.#body);
    this.#body -= end - at;
    const isLast = this.#body === 0;
    if (isLast) this.#body = -1;
    this.#sink.onDataPart(source, at, end, isLast);
    return end;
  }

  /** Bytes until the frame at `at` can be dispatched; more than there are when that is not known yet. */
  #needed(source: Buffer, at: number, there: number): number {
    if (there < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
    const type = source[at + 3];
    if (type !== FrameType.DATA) return FRAME_HEADER_BYTES + lengthAt(source, at);
    // The length of the padding stands before the body.
    const isPadded = ((source[at + 4] ?? 0) & Flag.PADDED) !== 0 && lengthAt(source, at) > 0;
    return isPadded ? FRAME_HEADER_BYTES + 1 : FRAME_HEADER_BYTES;
  }

  #dispatch(source: Buffer, at: number): void {
    const length = lengthAt(source, at);
    const type = source[at + 3] ?? 0;
    const flags = source[at + 4] ?? 0;
    const id = source.readUInt32BE(at + 5) & 0x7fffffff;
    if (length > FRAME_BYTES) this.#sink.onUnreadable("too large");
    else if (type === FrameType.DATA) {
      let body = length;
      if ((flags & Flag.PADDED) !== 0) {
        this.#padding = length > 0 ? (source[at + FRAME_HEADER_BYTES] ?? 0) : 0;
        body -= this.#padding + 1;
        if (body < 0) {
          this.#sink.onUnreadable("padding");
          return;
        }
      }
      this.#body = body;
      this.#sink.onDataBegin(flags, id, length, body);
    } else {
      const payload = at + FRAME_HEADER_BYTES;
      this.#sink.onFrame(type, flags, id, source, payload, payload + length);
    }
  }

  /** Adds to the frame that has begun; dispatches it when it is whole. */
  #complete(source: Buffer, at: number): number {
    const rest = this.#rest ?? source;
    const needed = this.#needed(rest, 0, this.#restBytes);
    const end = Math.min(source.length, at + needed - this.#restBytes);
    this.#keep(source, at, end, needed);
    const whole = this.#rest;
    if (whole === undefined) return end;
    const neededNow = this.#needed(whole, 0, this.#restBytes);
    if (neededNow > FRAME_HEADER_BYTES + FRAME_BYTES) this.#sink.onUnreadable("too large");
    else if (this.#restBytes >= neededNow) {
      this.#rest = undefined;
      this.#restBytes = 0;
      this.#dispatch(whole, 0);
    }
    return end;
  }

  /** Grows with what came, not with what was announced: a length costs the sender nothing. */
  #keep(source: Buffer, at: number, end: number, needed: number): void {
    const bytes = this.#restBytes + end - at;
    let rest = this.#rest;
    if (rest === undefined || rest.length < bytes) {
      const size = Math.max(bytes, Math.min(needed, bytes * 2), SMALLEST_REST);
      const larger = Buffer.allocUnsafeSlow(size);
      if (rest !== undefined) rest.copy(larger, 0, 0, this.#restBytes);
      rest = larger;
      this.#rest = rest;
    }
    source.copy(rest, this.#restBytes, at, end);
    this.#restBytes = bytes;
  }
}

function lengthAt(source: Buffer, at: number): number {
  return ((source[at] ?? 0) << 16) | ((source[at + 1] ?? 0) << 8) | (source[at + 2] ?? 0);
}
