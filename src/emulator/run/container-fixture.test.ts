import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type http2 from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";

/** A container: h2c on $PORT; what it does is in the path, or in x-verb where a gateway decides by the path. */
const CONTAINER = `
import http2 from "node:http2";
const { PORT, K_REVISION, K_SERVICE, K_CONFIGURATION, GCE_METADATA_HOST, FAIL, GREETING } = process.env;
if (FAIL === "at-start") { console.error("boom: no database"); process.exit(3); }
const id = await (await fetch("http://" + GCE_METADATA_HOST + "/computeMetadata/v1/instance/id", { headers: { "metadata-flavor": "Google", connection: "close" } })).text();
const server = http2.createServer();
const sessions = new Set();
server.on("session", (session) => { sessions.add(session); session.on("close", () => sessions.delete(session)); });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const answer = () => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(JSON.stringify({ id, pid: process.pid, K_REVISION, K_SERVICE, K_CONFIGURATION, GREETING, headers, trailers }));
  };
  let trailers;
  stream.on("trailers", (received) => { trailers = received; });
  const [, verb, ms] = (headers["x-verb"] ?? headers[":path"]).split("/");
  if (verb === "hang") { console.log("hanging"); return; }
  if (verb === "stream") { stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true }); stream.write("first"); return; }
  if (verb === "crash") { console.error("boom: out of luck"); process.exit(3); }
  if (verb === "slow") { console.log("slow begins"); setTimeout(answer, Number(ms)); return; }
  stream.resume();
  stream.on("end", answer);
});
process.on("SIGTERM", () => { console.log("SIGTERM"); server.close(() => { console.log("bye"); process.exit(0); }); for (const session of sessions) session.close(); });
server.listen(PORT, "127.0.0.1", () => console.log("listening"));
`;

/** What the container says of a call. */
export interface Echo {
  readonly id: string;
  readonly pid: number;
  readonly K_REVISION: string;
  readonly K_SERVICE: string;
  readonly K_CONFIGURATION: string;
  readonly GREETING: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>> | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** A request that was answered by a container. */
export function echoOf({ status, body }: Answer): Echo {
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  return JSON.parse(body) as Echo;
}

/** A container's program in that folder; the shell text that runs it with this Node. */
export async function writeContainer(dir: string): Promise<string> {
  const script = join(dir, "container.mjs");
  await writeFile(script, CONTAINER);
  return `exec "${process.execPath}" "${script}"`;
}

/** All of an answer; rejects when the stream ends before. */
export function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let body = "";
  let trailers: http2.IncomingHttpHeaders = {};
  stream.setEncoding("utf8");
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("data", (text: string) => {
    body += text;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("end", () => {
    // A stream that was cancelled ends too, in Node's eyes.
    const { ":status": status } = headers;
    if (status !== undefined) resolve({ status, headers, body, trailers });
  });
  stream.on("error", reject);
  stream.on("close", () => reject(new Error(`stream closed with ${stream.rstCode}`)));
  return promise;
}

/** How a stream ended that may not have ended well. */
export async function endOf(stream: http2.ClientHttp2Stream): Promise<Answer | "reset"> {
  try {
    return await answerOf(stream);
  } catch {
    return "reset";
  }
}

/** How a stream was closed: 0 is a clean end. */
export function rstCodeOf(stream: http2.ClientHttp2Stream): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  stream.on("error", () => {});
  stream.once("close", () => resolve(stream.rstCode));
  return promise;
}

/** Whether anybody listens there. */
export async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
