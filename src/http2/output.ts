import type { Socket } from "node:net";
import { type ChunkPool, LARGE_BYTES } from "./chunk-pool.ts";
import type { Bytes } from "./exchange.ts";
import { FRAME_HEADER_BYTES, FrameType } from "./frames.ts";

/** Payloads from this size on leave as their own element of a writev; smaller ones are copied between the frames. */
const OWN_ELEMENT_BYTES = 4 * 1024;

/**
 * What one connection sends: frames are written into a chunk of the pool and leave in one write at the end of the turn.
 */
export class Output {
  /** Bytes written since the last flush. */
  bytes = 0;
  /** DATA frames so far. */
  dataFrames = 0;
  readonly #socket: Socket;
  readonly #pool: ChunkPool;
  #chunk: Buffer | undefined;
  /** In #chunk: where the next frame goes, and where what is not in #parts yet begins. */
  #at = 0;
  #from = 0;
  /** Before the rest of #chunk, when one chunk was not enough or a payload leaves uncopied. */
  readonly #parts: Buffer[] = [];
  /** Chunks that #parts lie in. */
  readonly #filled: Buffer[] = [];
  /** Chunks that the socket has not written yet. */
  readonly #leaving: Buffer[] = [];
  readonly #onDirty: () => void;
  readonly #onWritten: () => void;

  /**
   * `onDirty`: there is something to flush now.
   * `onWritten`: a flush has left, all that came before it too.
   */
  constructor(socket: Socket, pool: ChunkPool, onDirty: () => void, onWritten: () => void) {
    this.#socket = socket;
    this.#pool = pool;
    this.#onDirty = onDirty;
    this.#onWritten = () => {
      if (socket.writableLength === 0) this.#giveBack();
      onWritten();
    };
  }

  /** Handed to the socket and not taken by the system yet, and what waits for the next flush. */
  get backlog(): number {
    return this.bytes + this.#socket.writableLength;
  }

  /** A frame with that payload length. Returns where the payload is to be written, in `chunk`. */
  frame(length: number, type: number, flags: number, id: number): number {
    const chunk = this.reserve(FRAME_HEADER_BYTES + length);
    const at = putFrameHeader(chunk, this.#at, length, type, flags, id);
    this.#advance(FRAME_HEADER_BYTES + length);
    return at;
  }

  /** Where `frame` told to write; valid until the next call. */
  get chunk(): Buffer {
    return this.reserve(0);
  }

  /** Where the next byte goes, in what `reserve` returned. */
  get at(): number {
    return this.#at;
  }

  /** The chunk, with room for `bytes` (at most 64 KiB) from `at` on. */
  reserve(bytes: number): Buffer {
    const chunk = this.#chunk;
    if (chunk !== undefined && this.#at + bytes <= chunk.length) return chunk;
    const next = this.#pool.take(chunk === undefined ? bytes : LARGE_BYTES);
    if (chunk !== undefined) this.#leave(chunk, next);
    this.#chunk = next;
    return next;
  }

  /** Bytes were written at `at`. */
  advance(bytes: number): void {
    this.#advance(bytes);
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length).set(bytes, this.#at);
    this.#advance(bytes.length);
  }

  /** A DATA frame of `bytes[from..to)`, at most a frame's worth. */
  data(id: number, bytes: Bytes, from: number, to: number, flags: number): void {
    this.dataFrames++;
    const length = to - from;
    if (length >= OWN_ELEMENT_BYTES) {
      this.frame(0, FrameType.DATA, flags, id);
      const chunk = this.chunk;
      // The frame's length is that of what follows in an element of its own.
      putFrameHeader(chunk, this.#at - FRAME_HEADER_BYTES, length, FrameType.DATA, flags, id);
      this.#closePart(chunk);
      this.#parts.push(asBuffer(bytes, from, to));
      this.bytes += length;
      return;
    }
    const at = this.frame(length, FrameType.DATA, flags, id);
    const chunk = this.chunk;
    if (length > 48)
      chunk.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
    else for (let nth = 0; nth < length; nth++) chunk[at + nth] = bytes[from + nth] ?? 0;
  }

  /** Hands all frames to the socket in one write. */
  flush(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    const socket = this.#socket;
    const parts = this.#parts;
    const rest = this.#at > this.#from ? chunk.subarray(this.#from, this.#at) : undefined;
    this.#chunk = undefined;
    this.#at = 0;
    this.#from = 0;
    this.bytes = 0;
    if (parts.length === 0) {
      if (rest !== undefined) socket.write(rest, this.#onWritten);
    } else {
      socket.cork();
      const last = rest ?? parts.pop();
      for (const part of parts) socket.write(part);
      if (last !== undefined) socket.write(last, this.#onWritten);
      socket.uncork();
      parts.length = 0;
    }
    const isWritten = socket.writableLength === 0;
    this.#filled.push(chunk);
    for (const filled of this.#filled) {
      if (isWritten) this.#pool.give(filled);
      else this.#leaving.push(filled);
    }
    this.#filled.length = 0;
  }

  /** Forgets what was not flushed. */
  discard(): void {
    this.#parts.length = 0;
    this.#filled.length = 0;
    this.#leaving.length = 0;
    this.#chunk = undefined;
    this.#at = 0;
    this.#from = 0;
    this.bytes = 0;
  }

  /** `chunk` is too small for what comes: go on in `next`. */
  #leave(chunk: Buffer, next: Buffer): void {
    if (chunk.length < LARGE_BYTES) {
      // Little is in it, and it stays one element: it moves over.
      chunk.copy(next, 0, this.#from, this.#at);
      this.#at -= this.#from;
      if (this.#from === 0) this.#pool.give(chunk);
      else this.#filled.push(chunk);
    } else {
      this.#closePart(chunk);
      this.#filled.push(chunk);
      this.#at = 0;
    }
    this.#from = 0;
  }

  #advance(bytes: number): void {
    if (this.bytes === 0) this.#onDirty();
    this.#at += bytes;
    this.bytes += bytes;
  }

  #closePart(chunk: Buffer): void {
    if (this.#at === this.#from) return;
    this.#parts.push(chunk.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #giveBack(): void {
    for (const chunk of this.#leaving) this.#pool.give(chunk);
    this.#leaving.length = 0;
  }
}

/** Writes a frame header; returns where the payload begins. */
export function putFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  out[at + 5] = id >>> 24;
  out[at + 6] = id >>> 16;
  out[at + 7] = id >>> 8;
  out[at + 8] = id;
  return at + FRAME_HEADER_BYTES;
}

function asBuffer(bytes: Bytes, from: number, to: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
}
