/** Where something wants to listen on this machine. */
export interface Place {
  /** What it is, for messages: "the gateway echo". */
  readonly what: string;
  /** 0: any. */
  readonly port: number;
  /** Somebody asked for just this port: another one will not do. */
  readonly isAsked: boolean;
}

/**
 * Start a listener at its port; where that is taken and nobody asked for it, at a free one, which `log` says. Rejects
 * with one clear Error when the port was asked for and is taken.
 */
export async function listenAt<T>(
  place: Place,
  start: (port: number) => Promise<T>,
  log: (message: string) => void,
): Promise<T> {
  const { what, port, isAsked } = place;
  try {
    return await start(port);
  } catch (cause) {
    if (!isTaken(cause)) throw cause;
    if (isAsked) {
      throw new Error(
        `port ${port} is in use, and ${what} was to listen there: stop what uses it, or choose another --port-base`,
        { cause },
      );
    }
    log(`port ${port} is in use: ${what} listens on a free one`);
    return await start(0);
  }
}

function isTaken(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ("code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES")) return true;
  }
  return false;
}
