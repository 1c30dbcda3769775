import type { Engine } from "../http2/exchange.ts";
import type { Limits } from "../http2/limits.ts";
import type { TrafficEvent } from "../rejection/traffic.ts";
import type { LocalProject } from "./project.ts";
import type { Launch } from "./run/launch.ts";
import type { RevisionTimes } from "./run/revision-times.ts";
import type { LogLine } from "./run/start-instance.ts";

/** How long what is still going on may take when everything ends. The defaults add up to less than 8 s. */
export interface EndTimes {
  /** Calls in flight, at the gateway and, a little later, at the fronts of services. Default 4 000. */
  readonly drainMs: number;
  /** Fronts start to drain when the gateways have, after this at the latest: what they pass on still gets in. Default 250. */
  readonly staggerMs: number;
  /** Instances, from SIGTERM to SIGKILL. Default 5 000 … */
  readonly graceMs: number;
  /** … but SIGKILL no later than this after the fronts began to drain. Default 7 250. */
  readonly endMs: number;
}

export const defaultEndTimes: EndTimes = {
  drainMs: 4_000,
  staggerMs: 250,
  graceMs: 5_000,
  endMs: 7_250,
};

export interface EmulatorOptions extends Partial<LocalProject> {
  /** Certificates and keys lie here, e.g. .callpath/. */
  readonly stateDir: string;
  readonly nowMs: () => number;
  /** Ports N (gateway), N+1 (service) … N+4; 0: free ones. Default: 8443 and 8444 where they are free, others free ones. */
  readonly portBase?: number;
  /** What instances inherit, e.g. process.env. Default: nothing but a PATH. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For tests: instances that are no processes. */
  readonly launch?: Launch;
  readonly random?: () => number;
  readonly engine?: Engine;
  readonly limits?: Partial<Limits>;
  /** Bounds in time of instances. */
  readonly times?: Partial<RevisionTimes>;
  readonly endTimes?: Partial<EndTimes>;
  /** Default true, as today; false: containers get whole tokens, as in 2021. */
  readonly stripSignature?: boolean;
  /** One event a call and hop: gateway and cloud-run. */
  readonly onTraffic?: (event: TrafficEvent) => void;
  /** Keep the gateway's steps on events of refused calls. Default true. */
  readonly traceRefusals?: boolean;
  /** Each line of each instance. It writes on when a returned promise is settled. */
  readonly onLog?: (line: LogLine) => void | Promise<void>;
  /** What an operator should know: ports in use, crashed instances, keys renewed. Never a token. */
  readonly log?: (severity: "INFO" | "WARNING" | "ERROR", message: string) => void;
}
