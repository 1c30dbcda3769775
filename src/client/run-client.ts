import type { CallOptions, Transport } from "@connectrpc/connect";
import { adcTokens } from "../auth/adc-tokens.ts";
import { keyFileTokens } from "../auth/key-file-tokens.ts";
import { readServiceAccountKey } from "../auth/service-account-key.ts";
import type { TokenSource } from "../auth/token-source.ts";
import { type ClientFlags, clientUsage, parseClientFlags } from "./client-flags.ts";
import { type ConnectedGateway, connectGateway } from "./connect-gateway.ts";
import { explainError } from "./explain-error.ts";
import { printRejection } from "./print-rejection.ts";

/** The parts of `process` that a client program needs. */
export interface ClientProcess {
  readonly argv: readonly string[];
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export interface ClientContext {
  /** One channel, for every call of the program. */
  readonly transport: Transport;
  /** --count */
  readonly count: number;
  /** One line to stdout. */
  readonly print: (line: string) => void;
  /** For every call, so that printMetadata knows what was received. */
  readonly receive: Required<Pick<CallOptions, "onHeader" | "onTrailer">>;
  /** Header and trailer of the last call, a line each. */
  readonly printMetadata: () => void;
}

/**
 * A whole client program: the walkthrough's flags, one channel with an ID token on every call, refusals explained on stderr.
 * Resolves to the exit code: 0 every call succeeded, 1 one did not, 2 wrong usage or a file that cannot be used.
 */
export async function runClient(
  calls: (context: ClientContext) => Promise<void>,
  { process, nowMs }: { readonly process: ClientProcess; readonly nowMs: () => number },
): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const flags = parseClientFlags(process.argv.slice(2));
  if ("usageFault" in flags) {
    process.stderr.write(`${flags.usageFault}\n\n${clientUsage}`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(clientUsage);
    return 0;
  }
  let gateway: ConnectedGateway;
  try {
    gateway = connectGateway({
      ...flags,
      audience: flags.audience ?? "",
      tokenSource: tokenSourceOf(flags),
      nowMs,
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 2;
  }
  try {
    const { transport } = gateway;
    await calls({ transport, count: flags.count, print, ...metadata(print) });
    return 0;
  } catch (error) {
    process.stderr.write(`${printRejection(explainError(error))}\n`);
    return 1;
  } finally {
    gateway[Symbol.dispose]();
  }
}

function tokenSourceOf({ audience, serviceAccount }: ClientFlags): TokenSource | undefined {
  if (audience === undefined) return undefined;
  if (serviceAccount === undefined) return adcTokens();
  readServiceAccountKey(serviceAccount); // a file that is no key is said now, not by the first call
  return keyFileTokens({ file: serviceAccount });
}

function metadata(print: (line: string) => void): Pick<ClientContext, "receive" | "printMetadata"> {
  const seen = { header: new Headers(), trailer: new Headers() };
  const line = (kind: string, values: Headers) =>
    print(`  ${kind}  ${[...values].map(([name, value]) => `${name}: ${value}`).join(", ")}`);
  return {
    receive: {
      onHeader: (header) => {
        seen.header = header;
      },
      onTrailer: (trailer) => {
        seen.trailer = trailer;
      },
    },
    printMetadata: () => {
      line("header ", seen.header);
      line("trailer", seen.trailer);
    },
  };
}
