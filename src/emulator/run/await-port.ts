import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 200;

/**
 * Cloud Run's default startup probe: ask a TCP port of this machine until somebody listens there. False when `signal`
 * aborts first.
 */
export async function awaitPort(port: number, signal: AbortSignal): Promise<boolean> {
  for (
    let pauseMs = FIRST_PAUSE_MS;
    !signal.aborted;
    pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)
  ) {
    if (await isOpen(port, signal)) return true;
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

async function isOpen(port: number, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect", { signal });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
