import { once } from "node:events";
import net from "node:net";
import { FrameType, PREFACE } from "../../src/http2/frames.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A frame, byte by byte. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

export function settings(...pairs: [name: number, value: number][]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  for (const [at, [name, value]] of pairs.entries()) {
    payload.writeUInt16BE(name, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

/** Header fields as literals without indexing, names and values as they are. */
export function block(...fields: [name: string, value: string][]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]),
  );
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const prefix = [];
  if (bytes.length < 127) prefix.push(bytes.length);
  else {
    prefix.push(127);
    let left = bytes.length - 127;
    for (; left >= 128; left >>>= 7) prefix.push((left & 127) | 128);
    prefix.push(left);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** What every request needs. */
export const request: [string, string][] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "x"],
];

/** One side of a connection, driven by hand. What it sends is whatever the test says, right or wrong. */
export class RawPeer implements AsyncDisposable {
  readonly socket: net.Socket;
  readonly frames: RawFrame[] = [];
  /** The other side's end: FIN, or the connection is gone. */
  readonly ended: Promise<void>;
  #rest = Buffer.alloc(0);
  #isPrefaceRead: boolean;
  readonly #waiting: {
    readonly when: (frame: RawFrame) => boolean;
    readonly done: (frame: RawFrame) => void;
  }[] = [];

  constructor(socket: net.Socket, isServer: boolean) {
    this.socket = socket;
    this.#isPrefaceRead = !isServer;
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.ended = new Promise((resolve) => {
      socket.once("end", resolve).once("close", () => resolve());
    });
  }

  /** A client that has sent preface and SETTINGS, unless told to stay silent. */
  static async connect(port: number, greeting: Uint8Array = Buffer.concat([PREFACE, settings()])) {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const peer = new RawPeer(socket, false);
    if (greeting.length > 0) socket.write(greeting);
    return peer;
  }

  send(...frames: Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** The first frame that is so, now or later. Rejects when the other side ends before. */
  async until(when: (frame: RawFrame) => boolean): Promise<RawFrame> {
    const before = this.frames.find(when);
    if (before !== undefined) return before;
    const found = new Promise<RawFrame>((done) => this.#waiting.push({ when, done }));
    const ended = this.ended.then(() => {
      throw new Error(`the connection ended after ${this.frames.length} frames`);
    });
    return Promise.race([found, ended]);
  }

  /** Error code of the GOAWAY that ended the connection, once it has ended; undefined: none came. */
  async goaway(): Promise<number | undefined> {
    await this.ended;
    return this.frames.findLast(({ type }) => type === FrameType.GOAWAY)?.payload.readUInt32BE(4);
  }

  /** Error code of the RST_STREAM of that exchange. */
  async reset(id: number): Promise<number> {
    const { payload } = await this.until(
      (each) => each.type === FrameType.RST_STREAM && each.id === id,
    );
    return payload.readUInt32BE(0);
  }

  /** Resolves when the other side has handled all that was sent: it answers a PING after it. */
  async settled(): Promise<void> {
    const opaque = Buffer.alloc(8);
    opaque.writeDoubleBE(performance.now());
    this.send(frame(FrameType.PING, 0, 0, opaque));
    await this.until(
      ({ type, flags, payload }) =>
        type === FrameType.PING && flags === 1 && payload.equals(opaque),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.destroyed) return;
    this.socket.destroy();
    await once(this.socket, "close");
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.#isPrefaceRead) {
      if (this.#rest.length < PREFACE.length) return;
      this.#rest = this.#rest.subarray(PREFACE.length);
      this.#isPrefaceRead = true;
    }
    for (;;) {
      if (this.#rest.length < 9) return;
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const read = {
        type: this.#rest[3] ?? 0,
        flags: this.#rest[4] ?? 0,
        id: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(this.#rest.subarray(9, end)),
      };
      this.#rest = this.#rest.subarray(end);
      this.frames.push(read);
      for (const waiter of this.#waiting.filter(({ when }) => when(read))) {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        waiter.done(read);
      }
    }
  }
}

/** A listener whose connections are driven by hand: a hostile backend. */
export async function startRawServer(
  onConnection: (peer: RawPeer, nth: number) => void,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    onConnection(new RawPeer(socket, true), connections++);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
