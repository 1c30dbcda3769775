import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";

/** The service that answers whether others do: open to everybody. */
export const healthService: typeof Health = Health;

/**
 * grpc.health.v1.Health for the services of one server, and for the server as a whole (""). SERVING until `stop`,
 * NOT_SERVING from then on; watches then end, so that they hold up no drain.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export class ServerHealth {
  readonly #services: ReadonlySet<string>;
  readonly #stopped = new AbortController();

  constructor(services: Iterable<string>) {
    this.#services = new Set(["", Health.typeName, ...services]);
  }

  stop(): void {
    this.#stopped.abort();
  }

  get implementation(): ServiceImpl<typeof Health> {
    return {
      check: ({ service }) => {
        if (!this.#services.has(service))
          throw new ConnectError(`this server has no service ${service}`, Code.NotFound);
        return { status: this.#status(service) };
      },
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    };
  }

  async *#watch(service: string, signal: AbortSignal) {
    const first = this.#status(service);
    yield { status: first };
    await aborted(AbortSignal.any([signal, this.#stopped.signal]));
    signal.throwIfAborted();
    if (this.#status(service) !== first) yield { status: this.#status(service) };
    throw new ConnectError("the server is shutting down", Code.Unavailable);
  }

  #status(service: string): HealthCheckResponse_ServingStatus {
    const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
    if (!this.#services.has(service)) return SERVICE_UNKNOWN;
    return this.#stopped.signal.aborted ? NOT_SERVING : SERVING;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
