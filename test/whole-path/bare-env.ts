import { delimiter, dirname } from "node:path";
import process from "node:process";

/** The environment of a fresh machine: an empty home, no Google account, no root certificates of this machine's own. */
export function bareEnv(home: string): Readonly<Record<string, string>> {
  const path = [dirname(process.execPath), process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin"];
  return { PATH: path.join(delimiter), HOME: home, TMPDIR: home };
}
