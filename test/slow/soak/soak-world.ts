import type { ConnectRouter } from "@connectrpc/connect";
import { KeyServer } from "../../gateway-in-the-middle.ts";
import { InventoryService } from "../../other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { googleClaims, TokenMaker } from "../../token-maker.ts";
import { GatewayUnderSoak } from "./gateway-under-soak.ts";
import { KeyRing } from "./key-ring.ts";
import { type Measured, soakClock } from "./measure.ts";
import { type CallKind, type LostCall, MixedLoad } from "./mixed-load.ts";
import { RestartingBackend } from "./restarting-backend.ts";
import { warehouse } from "./warehouse.ts";

export const audience = "grpcs://grpc-gateway-1";

/** What the gateway's processes hold while no call is in flight. */
export interface Rest {
  readonly answered: number;
  readonly processes: readonly Measured[];
}

/** A key cache lives 15 s of real time: by then every worker has what was published. */
const PUBLISHED_BEFORE_MS = 20_000;
/** The last token of an old key is out of use by then. */
const RETIRED_AFTER_MS = 24_000;
const ROTATION_MS = 40_000;
/** The gateway's own token lives so long, on the fast clock: it is fetched anew after 27 s of real time. */
const BACKEND_TOKEN_S = 600;
/** A call that begins so shortly after its service went may still be sent on the connection to the old one. */
const NOTICED_MS = 500;

const servedBy: Record<CallKind, 0 | 1> = { unary: 0, big: 0, upload: 0, stream: 1, bidi: 1 };

/** A gateway with all that is around it: two services, key server, metadata server, clients. */
export class SoakWorld implements AsyncDisposable {
  readonly nowMs: () => number;
  readonly keys: KeyRing;
  readonly metadata: KeyServer;
  readonly backends: readonly [RestartingBackend, RestartingBackend];
  readonly gateway: GatewayUnderSoak;
  readonly load: MixedLoad;
  /** The config with that deadline: each is another model. */
  readonly config: (deadlineS: number) => string;
  readonly #identity = new TokenMaker("metadata");
  readonly #rotation: Generator<RotationStep, never>;
  #nextStep: RotationStep;

  private constructor(
    parts: Pick<SoakWorld, "nowMs" | "keys" | "metadata" | "backends" | "gateway" | "config">,
  ) {
    this.nowMs = parts.nowMs;
    this.keys = parts.keys;
    this.metadata = parts.metadata;
    this.backends = parts.backends;
    this.gateway = parts.gateway;
    this.config = parts.config;
    this.load = new MixedLoad(this.gateway.url.origin, () => this.keys.token(audience));
    this.#rotation = rotation(this.keys);
    this.#nextStep = this.#rotation.next().value;
  }

  static async start(image: string): Promise<SoakWorld> {
    const clock = String(Date.now());
    const nowMs = soakClock(clock);
    const keys = new KeyRing(nowMs);
    const metadata = new KeyServer("");
    const routes = (router: ConnectRouter) => router.service(InventoryService, warehouse);
    const backends = [new RestartingBackend(routes), new RestartingBackend(routes)] as const;
    const [first, second] = await Promise.all(backends.map((backend) => backend.listen()));
    const jwks = await keys.server.listen();
    const config = (deadlineS: number) => configText(deadlineS, [first ?? 0, second ?? 0], jwks);
    const metadataHost = new URL(await metadata.listen()).host;
    const identity = new TokenMaker("metadata");
    mintIdentity(metadata, identity, nowMs());
    const options = { config: config(20), image, metadataHost, clock };
    const gateway = await GatewayUnderSoak.start(options);
    return new SoakWorld({ nowMs, keys, metadata, backends, gateway, config });
  }

  /** What time has brought: tokens of the metadata server, keys of the issuer. To be called again and again. */
  age(passedMs: number): void {
    mintIdentity(this.metadata, this.#identity, this.nowMs());
    const { atMs, run } = this.#nextStep;
    if (passedMs < atMs) return;
    run();
    this.#nextStep = this.#rotation.next().value;
  }

  /** Calls that were lost although the gateway could have saved them. */
  lostWithoutReason(): LostCall[] {
    return this.load.lost.filter((call) => {
      const { killedAtMs, restartedAtMs } = this.backends[servedBy[call.kind]];
      // What was in flight on a service that was killed, and nothing else.
      if (killedAtMs.some((atMs) => fellInto(call, atMs))) return false;
      // What a service refuses as it says GOAWAY is sent again, unless more of it had come than is kept
      // (limits.replayBytes).
      const isRefused = call.kind === "big" && call.why.includes("remote refused stream");
      return !(isRefused && restartedAtMs.some((atMs) => fellInto(call, atMs)));
    });
  }

  /** Let the clients rest, look, and go on. */
  async rest(): Promise<Rest> {
    await this.load.rest();
    const processes = await this.gateway.measure();
    const rest = { answered: this.load.answered, processes };
    this.load.begin();
    return rest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    await this.gateway[Symbol.asyncDispose]();
    for (const backend of this.backends) await backend[Symbol.asyncDispose]();
    await this.keys.server[Symbol.asyncDispose]();
    await this.metadata[Symbol.asyncDispose]();
  }
}

function fellInto({ beganAtMs, endedAtMs }: LostCall, atMs: number): boolean {
  return beganAtMs < atMs + NOTICED_MS && endedAtMs >= atMs;
}

interface RotationStep {
  /** Not before this has passed. */
  readonly atMs: number;
  run(): void;
}

/** Publish, sign, retire, for ever. */
function* rotation(keys: KeyRing): Generator<RotationStep, never> {
  for (let atMs = 0; ; atMs += ROTATION_MS) {
    yield { atMs, run: () => keys.publishNext() };
    yield { atMs: atMs + PUBLISHED_BEFORE_MS, run: () => keys.signWithNext() };
    yield { atMs: atMs + RETIRED_AFTER_MS, run: () => keys.retireOld() };
  }
}

function mintIdentity(metadata: KeyServer, identity: TokenMaker, nowMs: number): void {
  const claims = googleClaims(nowMs, "https://run.example.test", "gateway-sa@example.com");
  const exp = Math.floor(nowMs / 1000) + BACKEND_TOKEN_S;
  metadata.answer = { status: 200, body: identity.mint({ ...claims, exp }) };
}

function configText(deadlineS: number, ports: readonly [number, number], jwks: string): string {
  const rule = (method: string, backend: 0 | 1) => `
    - selector: ${InventoryService.typeName}.${method}
      address: grpc://127.0.0.1:${ports[backend]}
      jwt_audience: https://run.example.test
      deadline: ${deadlineS}`;
  return `
type: google.api.Service
config_version: 3
name: soak.apigateway.test.cloud.goog
title: Inventory gateway
apis:
  - name: ${InventoryService.typeName}
usage:
  rules:
    - selector: "*"
      allow_unregistered_calls: true
backend:
  rules:${rule("GetItem", 0)}${rule("AddItems", 0)}${rule("ListItems", 1)}${rule("TrackItems", 1)}
authentication:
  providers:
    - id: google_id_token
      issuer: https://accounts.google.com
      audiences: ${audience}
      jwks_uri: ${jwks}
  rules:
    - selector: "*"
      requirements:
        - provider_id: google_id_token
`;
}
