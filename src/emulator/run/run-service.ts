import { toBinary } from "@bufbuild/protobuf";
import { RevisionTemplateSchema } from "../../google/gen/google/cloud/run/v2/revision_template_pb.ts";
import type { Service } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { ServiceScalingSchema } from "../../google/gen/google/cloud/run/v2/vendor_settings_pb.ts";
import { revisionName } from "./random-names.ts";
import { type RevisionSpec, readRevision } from "./read-revision.ts";
import { RunningRevision, type RunningRevisionOptions } from "./running-revision.ts";
import type { ServiceState } from "./service-status.ts";
import type { Serving } from "./serving.ts";

export interface RunServiceOptions extends Omit<RunningRevisionOptions, "spec"> {
  /** Resource name, projects/P/locations/L/services/S. */
  readonly name: string;
  readonly onState: (state: ServiceState) => void;
}

/** Replaced revisions that may still finish their calls; the oldest of more is stopped. */
const MAX_DRAINING = 2;

/**
 * The revisions of one service: a changed template starts a new one; when its instances are ready it serves, and the old
 * one ends its calls and stops. One that cannot start leaves the old one serving. States of a revision: starting,
 * serving, draining.
 */
export class RunService {
  readonly #options: RunServiceOptions;
  #template: string | undefined;
  /** Of the last message that was followed. */
  #generation = 0n;
  #hasFailed = false;
  #count = 0;
  #starting: RunningRevision | undefined;
  #serving: RunningRevision | undefined;
  readonly #draining = new Map<RunningRevision, Promise<void>>();
  #why = "it has no revision yet";
  #state: ServiceState | undefined;
  #settled: Promise<string> = Promise.reject(new Error("the service was never followed"));

  constructor(options: RunServiceOptions) {
    this.#options = options;
    this.#settled.catch(() => {});
  }

  get serving(): Serving {
    return this.#serving === undefined
      ? { kind: "none", detail: `${this.#options.name}: ${this.#why}` }
      : { kind: "revision", revision: this.#serving };
  }

  /** The revision that the last change led to, when it serves; rejects with the reason when it does not. */
  get settled(): Promise<string> {
    return this.#settled;
  }

  /** Make what runs follow the message. Another template or scaling makes a revision; the same again only after a failure. */
  follow(message: Service): void {
    const template = templateOf(message);
    const { generation } = message;
    const isAgain = this.#hasFailed && generation !== this.#generation;
    if (template === this.#template && !isAgain) {
      // Whoever wrote it knew nothing of what the last revision has become.
      const isTold = message.latestCreatedRevision === this.#state?.revision;
      if (this.#state !== undefined && !isTold) this.#options.onState(this.#state);
      return;
    }
    this.#template = template;
    this.#generation = generation;
    this.#hasFailed = false;
    this.#settled = this.#roll(message);
    // Whoever wants to know asks for it; the old revision serves on.
    this.#settled.catch(() => {});
  }

  /** Stop everything: SIGTERM now, SIGKILL after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#template = undefined;
    this.#why = "it is being stopped";
    const all = [this.#starting, this.#serving, ...this.#draining.keys()];
    this.#starting = undefined;
    this.#serving = undefined;
    await Promise.all(all.map((revision) => revision?.stop(graceMs)));
    await Promise.all(this.#draining.values());
  }

  async #roll(message: Service): Promise<string> {
    const { times } = this.#options;
    const template = this.#template;
    const spec = this.#read(message);
    const revision = new RunningRevision({ ...this.#options, spec });
    const superseded = this.#starting;
    this.#starting = revision;
    this.#tell("reconciling", spec.revision);
    try {
      await superseded?.stop(0);
      await revision.start();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      await revision.stop(times.graceMs);
      if (this.#starting !== revision) throw replaced(spec, cause);
      this.#starting = undefined;
      this.#why = why;
      this.#hasFailed = true;
      this.#tell("failed", spec.revision, why);
      throw cause;
    }
    if (this.#template !== template) {
      await revision.stop(0);
      throw replaced(spec);
    }
    this.#starting = undefined;
    const old = this.#serving;
    this.#serving = revision;
    this.#tell("ready", spec.revision);
    if (old !== undefined) this.#retire(old);
    return spec.revision;
  }

  #read(message: Service): RevisionSpec {
    const { name, random } = this.#options;
    const service = name.slice(name.lastIndexOf("/") + 1);
    this.#count = Math.max(this.#count, countOf(message.latestCreatedRevision)) + 1;
    const revision = message.template?.revision || revisionName(service, this.#count, random);
    try {
      return readRevision(name, message, revision);
    } catch (cause) {
      this.#why = String(cause);
      this.#hasFailed = true;
      this.#tell("failed", revision, this.#why);
      throw cause;
    }
  }

  #tell(kind: ServiceState["kind"], revision: string, message = ""): void {
    this.#state = { kind, revision, serving: this.#serving?.spec.revision ?? "", message };
    this.#options.onState(this.#state);
  }

  #retire(old: RunningRevision): void {
    const done = old.drain(old.spec.timeoutMs).then(() => old.stop(this.#options.times.graceMs));
    this.#draining.set(
      old,
      done.finally(() => this.#draining.delete(old)),
    );
    const [oldest] = this.#draining.keys();
    if (this.#draining.size > MAX_DRAINING && oldest !== undefined) {
      void oldest.stop(this.#options.times.graceMs);
    }
  }
}

function replaced({ revision }: RevisionSpec, cause?: unknown): Error {
  return new Error(`${revision} was replaced or stopped before it served`, { cause });
}

/** Equal for two messages that ask for the same revision. */
function templateOf({ template, scaling }: Service): string {
  const parts = [
    template === undefined ? new Uint8Array() : toBinary(RevisionTemplateSchema, template),
    scaling === undefined ? new Uint8Array() : toBinary(ServiceScalingSchema, scaling),
  ];
  return parts.map((bytes) => Buffer.from(bytes).toString("base64")).join(" ");
}

/** 7 of SERVICE-00007-abc. */
function countOf(revision: string): number {
  return Number(/-(\d{5})-[a-z]{3}$/.exec(revision)?.[1] ?? 0);
}
