import type { Fault } from "../issuer/fault.ts";
import { startLocalServer } from "../issuer/local-server.ts";
import { mintUnderFault } from "../issuer/mint-under-fault.ts";
import type { RunningIssuer } from "../issuer/start-issuer.ts";
import { answerMetadata } from "./answer-metadata.ts";
import { type InstanceFacts, metadataTree, SCOPES } from "./metadata-tree.ts";

export interface MetadataServerOptions extends InstanceFacts {
  /** Mints this instance's tokens. */
  readonly issuer: RunningIssuer;
  /** On 127.0.0.1; default 0: a free one. */
  readonly port?: number;
  readonly nowMs: () => number;
  /** A bug of ours met while answering; never a token. Default: said to nobody. */
  readonly log?: (message: string) => void;
}

/** The metadata server of one instance: one identity, one instance id. */
export interface MetadataServer extends AsyncDisposable {
  /** 127.0.0.1:PORT, for GCE_METADATA_HOST. */
  readonly host: string;
  /** For tests: go wrong as told, until told otherwise. */
  setFault(fault: Fault | undefined): void;
}

/** Start it. Rejects, naming the port, when it cannot listen. */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const { issuer, email, nowMs, log } = options;
  const tree = metadataTree(options);
  const startedAtMs = nowMs();
  let fault: Fault | undefined;
  const tokens = {
    idToken(audience: string, full: boolean, current: Fault): string {
      const claims = full ? instanceClaims(options, startedAtMs) : {};
      return mintUnderFault(issuer.mint, { email, audience, claims }, current);
    },
    accessToken(scopes: readonly string[]) {
      const { value, expiresAtMs } = issuer.mintAccessToken({
        email,
        scopes: scopes.length > 0 ? scopes : SCOPES,
      });
      // One second is lost on the way, as at Google.
      const expiresInS = Math.floor((expiresAtMs - nowMs()) / 1000) - 1;
      return { access_token: value, expires_in: expiresInS, token_type: "Bearer" };
    },
  };
  const server = await startLocalServer({
    port: options.port ?? 0,
    answer: (request) => answerMetadata(request, tree, tokens),
    fault: () => fault,
    onError: (error) => log?.(`the metadata server of ${email} failed: ${String(error)}`),
  });
  return {
    host: `127.0.0.1:${server.port}`,
    setFault(next) {
      fault = next;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** What `format=full` adds. */
function instanceClaims(
  facts: InstanceFacts,
  startedAtMs: number,
): Readonly<Record<string, unknown>> {
  const { projectId, projectNumber, region, instanceId } = facts;
  return {
    google: {
      compute_engine: {
        instance_creation_timestamp: Math.floor(startedAtMs / 1000),
        instance_id: instanceId,
        instance_name: instanceId,
        project_id: projectId,
        project_number: Number(projectNumber),
        zone: `${region}-1`,
      },
    },
  };
}
