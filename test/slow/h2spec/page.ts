import type { Exchange } from "../../../src/http2/exchange.ts";
import { defaultLimits } from "../../../src/http2/limits.ts";
import { type HttpServer, startHttpServer } from "../../../src/http2/server.ts";
import { engineNamed } from "../suite-engine.ts";

const engine = engineNamed("callpath");
const head = [engine.field(":status", "200"), engine.field("content-type", "text/plain")];

/** The smallest user of src/http2: a page that leaves when the request has ended, whatever it was. */
export function startPage(tls: { cert: string; key: string } | undefined): Promise<HttpServer> {
  const answer = (exchange: Exchange<undefined>) => {
    exchange.head(head, false);
    exchange.data(Buffer.from("the page\n"), true);
  };
  return startHttpServer<undefined>({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits: defaultLimits,
    drainMs: 1_000,
    ...(tls === undefined ? {} : { tls }),
    handler: {
      onHead(exchange, _head, end) {
        if (end) answer(exchange);
      },
      onData(exchange, bytes, end) {
        exchange.release(bytes.length);
        if (end) answer(exchange);
      },
      onTrailers: answer,
      onDrain() {},
      onClose() {},
      onEnd() {},
    },
  });
}
