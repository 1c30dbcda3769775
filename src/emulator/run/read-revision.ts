import type { Service } from "../../google/gen/google/cloud/run/v2/service_pb.ts";

/** What one revision runs and how it scales, read from its service's `template`. */
export interface RevisionSpec {
  /** Id of the service, `K_SERVICE`. */
  readonly service: string;
  /** Resource name of the service, projects/P/locations/L/services/S. */
  readonly serviceName: string;
  /** SERVICE-00001-abc, `K_REVISION`. */
  readonly revision: string;
  /** What a shell runs; "" where a test launches instances itself. */
  readonly command: string;
  /** Absolute path; "" for the emulator's own folder. */
  readonly workingDir: string;
  /** The container's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Whose tokens the instance's metadata server mints; "" for the project's default account. */
  readonly serviceAccount: string;
  readonly minInstances: number;
  readonly maxInstances: number;
  /** RPCs one instance is given at once. */
  readonly concurrency: number;
  /** Bound of one request, its whole stream included. */
  readonly timeoutMs: number;
  /** How long a container may take until it listens. */
  readonly startupMs: number;
}

/** Cloud Run allows 100 by default; a laptop has fewer cores. */
const DEFAULT_MAX_INSTANCES = 10;
const DEFAULT_CONCURRENCY = 80;
const MAX_CONCURRENCY = 1000;
const DEFAULT_TIMEOUT_MS = 300_000;
const MAX_TIMEOUT_MS = 3_600_000;
/** Longest that a startup probe may take in all. */
const MAX_STARTUP_MS = 240_000;

/**
 * Read a revision out of a service as Google's API writes it. Throws an Error that names the field, what is wrong
 * with it, and what to write.
 * @see google/cloud/run/v2/revision_template.proto, k8s.min.proto
 */
export function readRevision(
  serviceName: string,
  message: Service,
  revision: string,
): RevisionSpec {
  const service = serviceName.slice(serviceName.lastIndexOf("/") + 1);
  const template = message.template;
  const container = template?.containers[0];
  if (template === undefined || container === undefined) {
    throw wrong(service, "template.containers", "is empty", "name one container with its command");
  }
  if (template.containers.length > 1) {
    throw wrong(
      service,
      "template.containers",
      `has ${template.containers.length} containers`,
      "keep the one that listens: sidecars are not available here yet",
    );
  }
  const [port] = container.ports;
  if (port?.name !== "h2c") {
    throw wrong(
      service,
      "template.containers[0].ports[0].name",
      port?.name ? `is ${port.name}` : "is not set",
      "write h2c: HTTP/2 to the container; HTTP/1.1 is not available here yet",
    );
  }
  const scaling = readScaling(service, message);
  return {
    service,
    serviceName,
    revision,
    command: shellText(container.command, container.args),
    workingDir: container.workingDir,
    env: readEnv(service, container.env),
    serviceAccount: template.serviceAccount,
    ...scaling,
    concurrency: bounded(
      service,
      "template.max_instance_request_concurrency",
      template.maxInstanceRequestConcurrency || DEFAULT_CONCURRENCY,
      MAX_CONCURRENCY,
    ),
    timeoutMs: bounded(
      service,
      "template.timeout (in ms)",
      millis(template.timeout) || DEFAULT_TIMEOUT_MS,
      MAX_TIMEOUT_MS,
    ),
    startupMs: startupBound(container.startupProbe),
  };
}

/** `template.scaling` bounds one revision, `scaling` the service; the stricter wins, as only one revision serves here. */
function readScaling(
  service: string,
  { template, scaling }: Service,
): Pick<RevisionSpec, "minInstances" | "maxInstances"> {
  const manual = scaling?.manualInstanceCount;
  if (manual !== undefined) return { minInstances: manual, maxInstances: manual };
  const maxima = [template?.scaling?.maxInstanceCount, scaling?.maxInstanceCount].filter(
    (count) => count !== undefined && count !== 0,
  ) as number[];
  const minInstances = Math.max(
    template?.scaling?.minInstanceCount ?? 0,
    scaling?.minInstanceCount ?? 0,
  );
  const maxInstances =
    maxima.length > 0 ? Math.min(...maxima) : Math.max(DEFAULT_MAX_INSTANCES, minInstances);
  if (minInstances > maxInstances) {
    throw wrong(
      service,
      "template.scaling",
      `asks for at least ${minInstances} and at most ${maxInstances} instances`,
      "min_instance_count must not be above max_instance_count",
    );
  }
  return { minInstances, maxInstances };
}

function readEnv(
  service: string,
  variables: readonly {
    readonly name: string;
    readonly values: { readonly case?: string | undefined; readonly value?: unknown };
  }[],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, values } of variables) {
    const field = `template.containers[0].env ${name}`;
    if (RESERVED.has(name)) throw wrong(service, field, "is reserved", "Cloud Run sets it itself");
    if (values.case === "valueSource") {
      throw wrong(service, field, "comes from a secret", "give a value: secrets are not here yet");
    }
    env[name] = typeof values.value === "string" ? values.value : "";
  }
  return env;
}

/** @see https://cloud.google.com/run/docs/container-contract#env-vars */
const RESERVED: ReadonlySet<string> = new Set([
  "PORT",
  "K_SERVICE",
  "K_REVISION",
  "K_CONFIGURATION",
]);

/** The first word is text for the shell as it stands; what follows is passed on word by word. */
function shellText(command: readonly string[], args: readonly string[]): string {
  const [program = "", ...words] = [...command, ...args];
  return [program, ...words.map((word) => `'${word.replaceAll("'", "'\\''")}'`)].join(" ");
}

function startupBound(
  probe:
    | {
        readonly initialDelaySeconds: number;
        readonly periodSeconds: number;
        readonly failureThreshold: number;
      }
    | undefined,
): number {
  if (probe === undefined) return MAX_STARTUP_MS;
  const seconds =
    probe.initialDelaySeconds + (probe.periodSeconds || 10) * (probe.failureThreshold || 3);
  return Math.min(seconds * 1000, MAX_STARTUP_MS);
}

function millis(
  duration: { readonly seconds: bigint; readonly nanos: number } | undefined,
): number {
  if (duration === undefined) return 0;
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

function bounded(service: string, field: string, value: number, most: number): number {
  if (value >= 1 && value <= most) return value;
  throw wrong(service, field, `is ${value}`, `1 to ${most} are allowed`);
}

function wrong(service: string, field: string, what: string, hint: string): Error {
  return new Error(`Cloud Run service ${service}: ${field} ${what}: ${hint}`);
}
