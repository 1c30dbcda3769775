import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems hand out themselves (Linux from 32768 on), so that nobody takes one in between. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const MAX_TRIES = 100;

/**
 * A port of this machine on which nothing listens, for a program that is about to. `taken`: ports promised to programs
 * that do not listen yet.
 */
export async function freePort(random: () => number, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(random() * (LAST_PORT - FIRST_PORT));
    if (!taken.has(port) && (await canListen(port))) return port;
  }
  throw new Error(
    `no free port for an instance between ${FIRST_PORT} and ${LAST_PORT}: ${MAX_TRIES} tries failed`,
  );
}

/** Whether a program could listen on all addresses, as containers do. */
async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, exclusive: true });
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}
