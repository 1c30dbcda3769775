import { create } from "@bufbuild/protobuf";
import { EnvVarSchema } from "../../google/gen/google/cloud/run/v2/k8s.min_pb.ts";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";

export interface ServiceMessageOptions {
  /** What each instance runs, for a shell. */
  readonly command: string;
  /** Flags that follow it; [] for a program that is not the project's own. */
  readonly args: readonly string[];
  /** Absolute. */
  readonly folder: string;
  /** min = max. */
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
  /** Counts up with every save: another template is another revision. */
  readonly generation: number;
}

/** The service as `gcloud run deploy --use-http2 --min-instances N --max-instances N` would write it. */
export function serviceMessage(options: ServiceMessageOptions): Service {
  const { command, args, folder, instances, env, generation } = options;
  return create(ServiceSchema, {
    template: {
      annotations: { "callpath.dev/generation": String(generation) },
      scaling: { minInstanceCount: instances, maxInstanceCount: instances },
      containers: [
        {
          image: "local",
          command: [command],
          args: [...args],
          workingDir: folder,
          ports: [{ name: "h2c", containerPort: 8080 }],
          env: Object.entries(env).map(([name, value]) =>
            create(EnvVarSchema, { name, values: { case: "value", value } }),
          ),
        },
      ],
    },
  });
}

export interface ServerFlagsOptions {
  /** As written in callpath.yaml, relative to the folder the server runs in; undefined: the server asks nobody who calls. */
  readonly access: string | undefined;
  readonly gatewayAudience: string | undefined;
  /** The service's URL. */
  readonly targetAudience: string;
  readonly gatewayAccount: string;
  readonly jwks: string;
  readonly ca: string;
  /** Who may invoke the service: IAM's members. */
  readonly invokers: readonly string[];
}

/** The project's server with the flags a deploy gives it, and local keys. Without an access file: none. */
export function serverFlags(options: ServerFlagsOptions): readonly string[] {
  const { access, gatewayAudience, targetAudience, gatewayAccount, jwks, ca, invokers } = options;
  if (access === undefined) return [];
  return [
    ...["--access", access],
    ...(gatewayAudience === undefined ? [] : ["--gatewayAudience", gatewayAudience]),
    ...["--targetAudience", targetAudience],
    ...["--gatewayAccount", gatewayAccount],
    ...["--jwks", jwks],
    ...["--ca", ca],
    // Right only where the platform lets nobody but named principals in (PR-3).
    ...(invokers.some(isEverybody) ? [] : ["--trustPlatform"]),
  ];
}

function isEverybody(member: string): boolean {
  return member === "allUsers" || member === "allAuthenticatedUsers";
}
