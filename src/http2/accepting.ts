import type net from "node:net";

/** Connections that another process accepts and hands over, where this one does not listen itself. */
export interface ConnectionSource {
  /**
   * Called once. Each connection is given to `take` with nothing read from it, and may be half-open. Disposing: none
   * comes after.
   */
  open(take: (socket: net.Socket) => void): Disposable;
}

/** A server that takes connections. */
export interface Accepting {
  readonly port: number;
  /** Take no more. Resolves when the last connection is closed. */
  stop(): Promise<void>;
}

/** Listen. Rejects when the address cannot be had. */
export async function listen(server: net.Server, port: number, host: string): Promise<Accepting> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // From here on an error of the listener (out of descriptors) costs the connection it was for, not the process.
  server.on("error", () => {});
  return {
    port: (server.address() as net.AddressInfo).port,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Take what a source hands over, as if `server` had accepted it on that port. */
export function takeFrom(source: ConnectionSource, server: net.Server, port: number): Accepting {
  const open = new Set<net.Socket>();
  const drained = Promise.withResolvers<void>();
  let isStopped = false;
  const opened = source.open((socket) => {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      if (isStopped && open.size === 0) drained.resolve();
    });
    server.emit("connection", socket);
  });
  return {
    port,
    stop() {
      isStopped = true;
      opened[Symbol.dispose]();
      if (open.size === 0) drained.resolve();
      return drained.promise;
    },
  };
}
