import { Connection } from "./connection.ts";
import type { Engine, SessionHandler } from "./exchange.ts";
import { fieldToSend } from "./hpack/hpack-field.ts";
import { Turn } from "./turn.ts";

/** Our own HTTP/2. */
export const callpathEngine: Engine = createEngine();

/** An engine of its own: its connections share output memory, one timer and the end of each turn. */
export function createEngine(): Engine {
  const turn = new Turn();
  return {
    name: "callpath",
    field: fieldToSend,
    serve(socket, first, limits, handler) {
      const connection = new Connection(
        socket,
        limits,
        handler as SessionHandler<unknown>,
        true,
        turn,
      );
      if (first !== undefined)
        connection.read(Buffer.from(first.buffer, first.byteOffset, first.length));
      socket.resume();
      return connection;
    },
    connect(socket, limits, handler) {
      return new Connection(socket, limits, handler as SessionHandler<unknown>, false, turn);
    },
  };
}
