import { codeName } from "../../rejection/code-name.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";

/** What the hops reported while the client made its first calls. */
export class FirstCalls {
  /** `SayHello OK` -> how often. */
  readonly #outcomes = new Map<string, number>();
  /** instance id -> RPCs it answered. */
  readonly #instances = new Map<string, number>();
  /** The gateway's connections they came over; undefined: it did not say. */
  readonly #connections = new Set<string | undefined>();
  #failed = 0;

  add({ hop, path, grpcStatus, httpStatus, instanceId, connection }: TrafficEvent): void {
    if (hop === "cloud-run" && instanceId !== undefined)
      this.#instances.set(instanceId, (this.#instances.get(instanceId) ?? 0) + 1);
    if (hop !== "gateway") return;
    this.#connections.add(connection);
    const status =
      grpcStatus === undefined ? `HTTP ${httpStatus ?? "reset"}` : codeName(grpcStatus);
    if (grpcStatus !== 0) this.#failed += 1;
    const outcome = `${path.slice(path.lastIndexOf("/") + 1)} ${status}`;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  /** At least one call reached the gateway, and all ended with OK. */
  get allSucceeded(): boolean {
    return this.#failed === 0 && this.#outcomes.size > 0;
  }

  get count(): number {
    return [...this.#outcomes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** How many instances answered. */
  get answeredBy(): number {
    return this.#instances.size;
  }

  /** `10 SayHello OK, 1 SayHelloStream OK` */
  get outcomes(): string {
    return [...this.#outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  }

  /** `3 instances answered one channel (4, 4, 3 RPCs)`; "" when none did. */
  get instances(): string {
    const counts = [...this.#instances.values()].sort((a, b) => b - a);
    if (counts.length === 0) return "";
    const who = counts.length === 1 ? "1 instance" : `${counts.length} instances`;
    const [connection] = this.#connections;
    const isOne = this.#connections.size === 1 && connection !== undefined;
    return `${who} answered${isOne ? " one channel" : ""} (${counts.join(", ")} RPCs)`;
  }
}
