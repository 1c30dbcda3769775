/** `node tools/peers/main.ts [NAME...]`: install what the suites run beside us (all of it by default), and print where it lies. */
import process from "node:process";
import { findPeers } from "./find-peers.ts";
import { isPeerName, type PeerName, peers } from "./peers.ts";

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !isPeerName(name));
if (unknown.length > 0) {
  const known = Object.keys(peers).join(", ");
  console.error(`unknown peer ${unknown.join(", ")}; known: ${known}`);
  process.exitCode = 2;
} else {
  const names = asked.length > 0 ? asked : Object.keys(peers);
  try {
    const found = await findPeers(...(names as PeerName[]));
    for (const [name, file] of Object.entries(found)) console.log(`${name} ${file}`);
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : cause);
    process.exitCode = 1;
  }
}
