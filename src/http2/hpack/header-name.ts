import { STATIC_TABLE } from "./static-table.ts";

/** What the rules of HTTP/2 say about a name (RFC 9113, 8.2 and 8.3). */
export const NameKind = {
  ORDINARY: 0,
  METHOD: 1,
  SCHEME: 2,
  PATH: 3,
  AUTHORITY: 4,
  STATUS: 5,
  TE: 6,
  CONTENT_LENGTH: 7,
  HOST: 8,
  /** About one connection of HTTP/1.1: malformed in HTTP/2. */
  CONNECTION_SPECIFIC: 9,
  /** Upper case, no token, or a pseudo-header that does not exist: malformed. */
  INVALID: 10,
} as const;

/** Facts of one header name, found once. */
export interface HeaderName {
  readonly name: string;
  /** One of NameKind. */
  readonly kind: number;
  readonly hasUnderscore: boolean;
  /** First index of the name in HPACK's static table; 0: none. */
  readonly staticIndex: number;
  /** Indexes of the name with these values; undefined: none. */
  readonly staticValues: ReadonlyMap<string, number> | undefined;
  /** Values repeat from call to call: worth a place in an encoder's table. */
  readonly repeats: boolean;
}

const KINDS = new Map<string, number>([
  [":method", NameKind.METHOD],
  [":scheme", NameKind.SCHEME],
  [":path", NameKind.PATH],
  [":authority", NameKind.AUTHORITY],
  [":status", NameKind.STATUS],
  ["te", NameKind.TE],
  ["content-length", NameKind.CONTENT_LENGTH],
  ["host", NameKind.HOST],
  ["connection", NameKind.CONNECTION_SPECIFIC],
  ["keep-alive", NameKind.CONNECTION_SPECIFIC],
  ["proxy-connection", NameKind.CONNECTION_SPECIFIC],
  ["transfer-encoding", NameKind.CONNECTION_SPECIFIC],
  ["upgrade", NameKind.CONNECTION_SPECIFIC],
]);

const REPEATING = [
  ":path",
  ":authority",
  "content-type",
  "te",
  "user-agent",
  "server",
  "accept-encoding",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-status",
  "grpc-message",
  "x-forwarded-proto",
];

/** RFC 9110 tokens, without upper case. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** By name: the indexes of its values, first index first. */
const STATIC_VALUES = new Map<string, Map<string, number>>();
for (const [at, [name, value]] of STATIC_TABLE.entries()) {
  const values = STATIC_VALUES.get(name) ?? new Map<string, number>();
  values.set(value, at + 1);
  STATIC_VALUES.set(name, values);
}

/** Names of the static table and of gRPC, made once. Never grows: what peers invent is not kept. */
const KNOWN = new Map<string, HeaderName>();
for (const [name] of STATIC_TABLE) KNOWN.set(name, describeName(name));
for (const name of [...KINDS.keys(), ...REPEATING]) KNOWN.set(name, describeName(name));
for (const name of ["grpc-timeout", "x-forwarded-authorization", "x-apigateway-api-userinfo"]) {
  KNOWN.set(name, describeName(name));
}

export function headerName(name: string): HeaderName {
  return KNOWN.get(name) ?? describeName(name);
}

function describeName(name: string): HeaderName {
  const values = STATIC_VALUES.get(name);
  const isValid = KINDS.has(name) || TOKEN.test(name);
  return {
    name,
    kind: isValid ? (KINDS.get(name) ?? NameKind.ORDINARY) : NameKind.INVALID,
    hasUnderscore: name.includes("_"),
    staticIndex: values?.values().next().value ?? 0,
    staticValues: values,
    repeats: REPEATING.includes(name),
  };
}
