import { fetchText } from "../../auth/fetch-text.ts";
import type { IdToken, TokenSource } from "../../auth/token-source.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import { InputError } from "../command.ts";
import { type DevFacts, readDevState } from "./dev-state.ts";

/** A `callpath dev` that runs on this machine, as other commands use it. */
export interface RunningDev {
  readonly pid: number;
  readonly facts: DevFacts;
  /** Tokens of any principal, from the local issuer. */
  tokensAs(email: string): TokenSource;
  /** What the hops said about one call; waits a moment for those that did not yet. */
  eventsOf(traceId: string): Promise<readonly TrafficEvent[]>;
}

/** A dead dev leaves its file behind: its port refuses at once, or belongs to somebody who does not know the secret. */
const ANSWER_MS = 5_000;

/** The dev of that state folder; undefined: none runs; "starting": it runs, and is not ready. */
export async function findRunningDev(
  stateDir: string,
): Promise<RunningDev | "starting" | undefined> {
  const state = await readDevState(stateDir);
  if (state === undefined) return undefined;
  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const { status, text } = await fetchText({
      url: new URL(path, state.face),
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${state.secret}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: ANSWER_MS,
    });
    if (status !== 200) throw new Error(`callpath dev answered ${path} with HTTP ${status}`);
    return JSON.parse(text) as T;
  };
  const facts = await ask<DevFacts | Record<string, never>>("/facts").catch(() => undefined);
  if (facts === undefined) return undefined;
  if (!("gateway" in facts)) return "starting";
  return {
    pid: state.pid,
    facts: facts as DevFacts,
    tokensAs: (email) => (audience) => ask<IdToken>("/token", { email, audience }),
    eventsOf: (traceId) => ask(`/events/${traceId}`),
  };
}

/** The same for commands that use a dev when there is one. Throws InputError while it starts. */
export async function runningDevOf(stateDir: string): Promise<RunningDev | undefined> {
  const found = await findRunningDev(stateDir);
  if (found === "starting")
    throw new InputError("callpath dev is still starting; try again in a moment");
  return found;
}
