import { once } from "node:events";
import net from "node:net";
import type { RunningGateway } from "../../src/gateway/options.ts";

/** All that the gateway answers to these octets, until it closes or the answer is whole. */
export async function over1(
  { gateway }: { readonly gateway: RunningGateway },
  octets: string,
): Promise<string> {
  const socket = net.connect(Number(gateway.url.port), "127.0.0.1");
  let answer = "";
  socket.on("error", () => {});
  const ended = once(socket, "close");
  socket.on("data", (bytes: Buffer) => {
    answer += bytes.toString("latin1");
    if (/\r\n0\r\n(.*\r\n)*\r\n$|content-length: 0\r\n(?:.*\r\n)*\r\n$/i.test(answer))
      socket.destroy();
  });
  socket.write(Buffer.from(octets, "latin1"));
  await ended;
  return answer;
}
