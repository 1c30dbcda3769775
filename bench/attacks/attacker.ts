/**
 * A program of its own: one attack on one port, for some seconds; what it did as JSON on stdout.
 * `node attacker.ts NAME PORT TOKEN_FILE SECONDS`
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";
import process from "node:process";
import { FrameType } from "../../src/http2/frames.ts";
import { type Attack, greeting } from "./attack.ts";
import { attacks } from "./attacks.ts";

/** What an attack came to, as its attacker saw it. */
export interface Attacked {
  /** Opened in all; each that ended was followed by another. */
  readonly connections: number;
  readonly units: number;
  readonly bytes: number;
  /** Connections that the target ended. */
  readonly ended: number;
  /** GOAWAY frames by error code. */
  readonly goaways: Readonly<Record<string, number>>;
}

/** Connections that are opened at the same time. */
const OPENING = 200;
/** Before a connection that ended is followed by another. */
const AGAIN_MS = 20;

const [name = "", port = "", tokenFile = "", seconds = ""] = process.argv.slice(2);
const attack = attacks.find((one) => one.name === name);
if (attack === undefined) throw new Error(`no attack is named ${name}`);
// The well-behaved client and the service share this core: what is measured is the target, not its neighbours' thirst.
setPriority(constants.priority.PRIORITY_LOW);

const given = { token: readFileSync(tokenFile, "utf8") };
const untilMs = performance.now() + Number(seconds) * 1000;
let [connections, units, bytes, ended] = [0, 0, 0, 0];
const goaways: Record<string, number> = {};
const sockets = new Set<Socket>();

for (let at = 0; at < attack.connections && performance.now() < untilMs; at += OPENING) {
  const batch = Math.min(OPENING, attack.connections - at);
  for (let nth = 0; nth < batch; nth++) open(attack);
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}
await new Promise((resolve) => setTimeout(resolve, untilMs - performance.now()));
for (const socket of sockets) socket.destroy();
const result: Attacked = { connections, units, bytes, ended, goaways };
process.stdout.write(JSON.stringify(result), () => process.exit(0));

function open(attack: Attack): void {
  const socket = connect({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true });
  connections++;
  sockets.add(socket);
  let nth = 0;
  const send = (piece: Uint8Array) => {
    bytes += piece.length;
    return socket.write(piece);
  };
  const flood = () => {
    if (attack.piece === undefined) return;
    while (!socket.destroyed && performance.now() < untilMs) {
      const hasRoom = send(attack.piece(nth++, given));
      units += attack.units ?? 1;
      if (attack.pauseMs !== undefined) setTimeout(flood, attack.pauseMs);
      else if (!hasRoom) socket.once("drain", flood);
      // Others' turn, and what came is read.
      else setImmediate(flood);
      return;
    }
  };
  socket.once("connect", () => {
    send(attack.greeting ?? greeting);
    if (attack.first !== undefined) {
      send(attack.first(given));
      if (attack.piece === undefined) units++;
    }
    if (attack.closesHalf === true) socket.end();
    if (attack.reads === false) socket.pause();
    else socket.on("data", goawaysIn());
    flood();
  });
  socket.on("error", () => {});
  socket.once("end", () => socket.destroy());
  socket.once("close", () => {
    sockets.delete(socket);
    if (performance.now() >= untilMs) return;
    ended++;
    setTimeout(() => open(attack), AGAIN_MS);
  });
}

/** Counts GOAWAY in a stream of frames. */
function goawaysIn(): (read: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (read) => {
    let left = rest.length === 0 ? read : Buffer.concat([rest, read]);
    for (;;) {
      if (left.length < 9) break;
      const end = 9 + left.readUIntBE(0, 3);
      if (left.length < end) break;
      if (left[3] === FrameType.GOAWAY) {
        const code = String(left.readUInt32BE(13));
        goaways[code] = (goaways[code] ?? 0) + 1;
      }
      left = left.subarray(end);
    }
    rest = Buffer.from(left);
  };
}
