import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Bytes } from "./exchange.ts";
import { PREFACE } from "./frames.ts";
import type { TimerWheel, WheelTask } from "./timer-wheel.ts";

/** "PRI * H": no HTTP/1.1 request begins so; the engine judges the rest. */
const TELLING = 7;

/**
 * Which protocol a new connection speaks: ALPN says it, or its first bytes do. `enter` is called once, with the bytes
 * that were read; not at all when the socket closes before, or says nothing within `timeoutMs`: it is closed then.
 */
export function openDoor(
  socket: Socket,
  wheel: TimerWheel,
  timeoutMs: number,
  enter: (protocol: "h2" | "http/1.1", first: Bytes | undefined) => void,
): void {
  // Until a session takes over, an error is followed by "close", which is all that matters.
  socket.on("error", ignore);
  const alpn = socket instanceof TLSSocket ? socket.alpnProtocol : false;
  if (alpn === "h2" || alpn === "http/1.1") {
    enter(alpn, undefined);
    return;
  }
  const timer = new PrefaceTimer(socket);
  let read: Buffer | undefined;
  const onData = (chunk: Buffer) => {
    read = read === undefined ? chunk : Buffer.concat([read, chunk]);
    const length = Math.min(read.length, TELLING);
    const isH2 = read.compare(PREFACE, 0, length, 0, length) === 0;
    if (isH2 && length < TELLING) return;
    leave();
    socket.pause();
    enter(isH2 ? "h2" : "http/1.1", read);
  };
  const onEnd = () => socket.destroy();
  const leave = () => {
    wheel.cancel(timer);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", leave);
  };
  wheel.arm(timer, timeoutMs);
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", leave);
}

class PrefaceTimer implements WheelTask {
  wheelNext: WheelTask | undefined;
  wheelPrevious: WheelTask | undefined;
  wheelTick = -1;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  onTimer(): void {
    this.#socket.destroy();
  }
}

function ignore(): void {}
