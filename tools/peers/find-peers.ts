import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { installPeer, type PeerCache } from "./install-peer.ts";
import { type PeerName, peers } from "./peers.ts";

/**
 * The program files of these peers, by name. What is missing is installed into a cache folder outside the checkout,
 * `$CALLPATH_PEERS`, by default ~/.cache/callpath/peers, and named on stderr; what is there is found silently. Rejects
 * with what to install where that cannot be done. Several processes may ask at the same time.
 */
export async function findPeers<N extends PeerName>(
  ...names: readonly N[]
): Promise<Readonly<Record<N, string>>> {
  const cache: PeerCache = {
    folder: cacheFolder(),
    path: process.env.PATH ?? "",
    isRoot: process.getuid?.() === 0,
    say: (line) => console.error(line),
  };
  const found: Partial<Record<N, string>> = {};
  // One after the other: each install takes all cores.
  for (const name of names) found[name] = await findPeer(name, cache);
  return found as Record<N, string>;
}

async function findPeer(name: PeerName, cache: PeerCache): Promise<string> {
  const file = await installPeer(name, peers[name], cache);
  if (!existsSync(file)) throw new Error(`peer ${name}: ${file} is missing after its installation`);
  return file;
}

function cacheFolder(): string {
  const { CALLPATH_PEERS, XDG_CACHE_HOME } = process.env;
  if (CALLPATH_PEERS) return CALLPATH_PEERS;
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "callpath", "peers");
}
