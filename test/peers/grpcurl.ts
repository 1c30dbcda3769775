import { join } from "node:path";
import { findPeers } from "../../tools/peers/find-peers.ts";
import type { LocalDev } from "./local-dev.ts";
import { type Ran, runPeer } from "./run-peer.ts";

/** The audience of the gateways' configs in this repository. */
export const audience = "grpcs://grpc-gateway-1";

/**
 * One RPC by grpcurl through a running dev's gateway, with the project's own image and a token of `callpath token`.
 *
 * @param method pkg.Service/Method
 */
export async function callByGrpcurl(
  dev: LocalDev,
  method: string,
  ...messages: readonly object[]
): Promise<Ran> {
  const { grpcurl } = await findPeers("grpcurl");
  const { ca, clientKey, gateway } = dev.facts;
  const token = await dev.callpath("token", "--audience", audience, "--service-account", clientKey);
  if (token.code !== 0) return token;
  const args = [
    ...["-cacert", ca, "-protoset", join(dev.folder, "gen/descriptor.pb"), "-expand-headers"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: grpcurl fills it in from the environment
    ...["-H", "authorization: Bearer ${TOKEN}", "-d", "@", new URL(gateway).host, method],
  ];
  // The token is not on the command line, where everybody sees it.
  return runPeer(grpcurl, args, {
    timeoutMs: 30_000,
    env: { TOKEN: token.stdout.trim() },
    stdin: messages.map((message) => JSON.stringify(message)).join("\n"),
  });
}
