import type { Bytes } from "./exchange.ts";
import type { Head } from "./head.ts";

/** What one exchange could not send yet: data, then perhaps trailers, then perhaps the end. */
export class SendQueue {
  /** Bytes that wait. */
  bytes = 0;
  ends = false;
  trailers: Head | undefined = undefined;
  readonly #chunks: Bytes[] = [];
  /** How much of the first chunk has left. */
  #from = 0;

  push(bytes: Bytes): void {
    if (bytes.length === 0) return;
    // A small view would hold all of the buffer that it was read into. Not slice(): of a Buffer that is a view again.
    this.#chunks.push(bytes.length * 4 < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes);
    this.bytes += bytes.length;
  }

  /** The next chunk and where in it to go on. */
  get chunk(): Bytes | undefined {
    return this.#chunks[0];
  }

  get from(): number {
    return this.#from;
  }

  /** So many bytes of the chunk have left. */
  take(bytes: number): void {
    this.bytes -= bytes;
    this.#from += bytes;
    if (this.#from < (this.#chunks[0]?.length ?? 0)) return;
    this.#chunks.shift();
    this.#from = 0;
  }
}
