import http2 from "node:http2";
import type { Launch } from "./launch.ts";

/** A world whose containers are servers of this process. */
export function inProcess() {
  const launch: Launch = ({ port }) => {
    const ended = Promise.withResolvers<string>();
    const server = http2.createServer((_, response) => response.end("in process"));
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on("session", (session) => sessions.add(session));
    server.listen(port, "127.0.0.1");
    server.once("close", () => ended.resolve("closed"));
    return {
      exited: ended.promise,
      async stop() {
        for (const session of sessions) session.destroy();
        server.close();
        await ended.promise;
      },
    };
  };
  return {
    launch,
    startMetadata: () =>
      Promise.resolve({ host: "127.0.0.1:1", [Symbol.asyncDispose]: () => Promise.resolve() }),
    onLog() {},
  };
}
