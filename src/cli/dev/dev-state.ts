import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What `callpath dev` tells its ready line's readers: an origin each, null for a part that does not exist. */
export interface DevAddresses {
  /** https://localhost:8443 */
  readonly gateway: string;
  /** Cloud Run's front; also the audience it accepts. */
  readonly run: string;
  readonly issuer: string;
  /** host:port of a metadata server whose identity is gateway-client-sa. */
  readonly metadata: string;
  readonly controlPlane: string | null;
  readonly console: string | null;
  /** PEM file that signs what the TLS addresses show. */
  readonly ca: string;
  /** Google service-account key file of gateway-client-sa. */
  readonly clientKey: string;
}

/** What a running `callpath dev` is about, for `call`, `token` and `explain`. */
export interface DevFacts extends DevAddresses {
  readonly config: string;
  readonly image: string;
  readonly access: string | undefined;
  /** What the config's $NAMES were filled in with. */
  readonly values: Readonly<Record<string, string>>;
  /** The gateway's first accepted audience; undefined when no rule asks for a token. */
  readonly audience: string | undefined;
  /** Name of the service on Cloud Run. */
  readonly service: string;
  /** Whose tokens the gateway sends to it, and whether that account may invoke it now. */
  readonly gatewayAccount: string;
  readonly gatewayMayInvoke: boolean;
}

/** `dev.json` in the state folder, readable by its owner only: it holds the secret of the local face. */
export interface DevState {
  readonly pid: number;
  /** http://127.0.0.1:PORT */
  readonly face: string;
  /** Bearer of the face: whoever can read this file may mint local tokens. */
  readonly secret: string;
}

const FILE_NAME = "dev.json";

/** The state folder is there and only its owner reads it. */
export async function openStateFolder(stateDir: string): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
}

/** Write it, unless another one is there: then false. Atomic, so that nobody reads half of it. */
export async function claimDevState(stateDir: string, state: DevState): Promise<boolean> {
  const temporary = join(stateDir, `${FILE_NAME}.${randomBytes(6).toString("hex")}`);
  await writeFile(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  try {
    await link(temporary, join(stateDir, FILE_NAME));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** undefined when there is none, or it is not one of ours. */
export async function readDevState(stateDir: string): Promise<DevState | undefined> {
  try {
    const state = JSON.parse(await readFile(join(stateDir, FILE_NAME), "utf8")) as DevState;
    const isWhole = typeof state.face === "string" && typeof state.secret === "string";
    return isWhole ? state : undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Remove it, if it still is the one with this secret. */
export async function releaseDevState(stateDir: string, secret: string): Promise<void> {
  if ((await readDevState(stateDir))?.secret === secret)
    await rm(join(stateDir, FILE_NAME), { force: true });
}
