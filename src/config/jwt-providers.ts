import type { MessageShape } from "@bufbuild/protobuf";
import type { AuthProviderSchema, JwtLocationSchema } from "../google/gen/google/api/auth_pb.ts";
import type { JwtLocation, JwtProvider } from "./model.ts";
import type { FieldPlace, Places } from "./places.ts";
import type { Position } from "./problem.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import type { ServiceDocument } from "./service-document.ts";

type AuthProvider = MessageShape<typeof AuthProviderSchema>;

/** A provider with the audiences that rules fall back on. */
export interface ProviderEntry {
  /** undefined: it is faulty, which was reported. */
  readonly provider: JwtProvider | undefined;
  readonly audiences: readonly string[];
  readonly audiencesAt: Position;
  /** Whether the provider itself names audiences. */
  readonly namesAudiences: boolean;
}

/** `authentication.providers` by id (AP-1 to AP-8). */
export function readProviders(
  { service, places }: ServiceDocument,
  problems: ProblemList,
): ReadonlyMap<string, ProviderEntry> {
  const entries = new Map<string, ProviderEntry>();
  for (const written of service.authentication?.providers ?? []) {
    const id = required(written, "id", written.id, "google_id_token", places, problems);
    const provider = readProvider(written, places, problems);
    const named = splitAudiences(written.audiences);
    const { at, path } = places.field(written, "id");
    if (entries.has(written.id) && id !== undefined) {
      const message = `there are two providers with the id ${quote(id)}`;
      const hint = "Give one of them another id";
      problems.error(at, { code: "duplicate-provider", message, path, hint });
      continue;
    }
    const place = places.field(written, "audiences");
    entries.set(written.id, {
      provider,
      // AP-4
      audiences: named.length > 0 ? named : [`https://${service.name}`],
      audiencesAt: place.at,
      namesAudiences: named.length > 0 || place.faulty,
    });
  }
  return entries;
}

/** AP-2: a comma-separated list. */
export function splitAudiences(text: string): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  return items.filter((item) => item !== "");
}

function readProvider(
  written: AuthProvider,
  places: Places,
  problems: ProblemList,
): JwtProvider | undefined {
  const example = "https://accounts.google.com";
  const issuer = required(written, "issuer", written.issuer, example, places, problems);
  const jwksUri = readJwksUri(written, places, problems);
  const locations = readLocations(written, places, problems);
  if (issuer === undefined || jwksUri === undefined) return undefined;
  return {
    id: written.id,
    issuer,
    issuerAt: places.field(written, "issuer").at,
    jwksUri,
    jwksUriAt: places.field(written, "jwks_uri").at,
    locations,
  };
}

function required(
  provider: AuthProvider,
  field: string,
  value: string,
  example: string,
  places: Places,
  problems: ProblemList,
): string | undefined {
  const { at, path, faulty } = places.field(provider, field);
  if (value !== "") return value;
  if (!faulty) {
    const message = `this authentication provider has no ${field}`;
    problems.error(at, {
      code: "missing-field",
      message,
      path,
      hint: `Write ${field}: ${example}`,
    });
  }
  return undefined;
}

/** AP-5; AP-6, discovery of the keys by the issuer's address, is refused. */
function readJwksUri(
  provider: AuthProvider,
  places: Places,
  problems: ProblemList,
): URL | undefined {
  const { at, path, faulty } = places.field(provider, "jwks_uri");
  if (faulty) return undefined;
  if (provider.jwksUri === "") {
    const google = provider.issuer === "https://accounts.google.com";
    const url = google ? "https://www.googleapis.com/oauth2/v3/certs" : "URL of the issuer's keys";
    const message = "discovery of an issuer's keys is not available yet: jwks_uri is missing";
    problems.error(at, { code: "no-discovery", message, path, hint: `Write jwks_uri: ${url}` });
    return undefined;
  }
  const fault = faultOfKeyUrl(provider.jwksUri);
  if (fault === undefined) return new URL(provider.jwksUri);
  const message = `bad jwks_uri ${quote(provider.jwksUri)}: ${fault}`;
  const hint = "Write an address such as https://www.googleapis.com/oauth2/v3/certs";
  problems.error(at, { code: "bad-url", message, path, hint });
  return undefined;
}

function faultOfKeyUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return "this is no URL";
  const { protocol, username, password } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") return `keys are fetched by http or https`;
  return username + password === "" ? undefined : "it has a user name";
}

/** AP-7 */
const DEFAULT_LOCATIONS: readonly JwtLocation[] = [
  { kind: "header", name: "authorization", valuePrefix: "Bearer " },
  { kind: "header", name: "x-goog-iap-jwt-assertion", valuePrefix: "" },
  { kind: "query", name: "access_token" },
];

/** AP-8: they replace the defaults. */
function readLocations(
  { jwtLocations }: AuthProvider,
  places: Places,
  problems: ProblemList,
): readonly JwtLocation[] {
  if (jwtLocations.length === 0) return DEFAULT_LOCATIONS;
  const locations: JwtLocation[] = [];
  for (const written of jwtLocations) {
    const location = readLocation(written, places, problems);
    if (location !== undefined) locations.push(location);
  }
  return locations;
}

function readLocation(
  written: MessageShape<typeof JwtLocationSchema>,
  places: Places,
  problems: ProblemList,
): JwtLocation | undefined {
  const { at, path } = places.of(written);
  const prefix = places.field(written, "value_prefix");
  switch (written.in.case) {
    case "header":
      return readHeader(
        written.in.value,
        written.valuePrefix,
        places.field(written, "header"),
        problems,
      );
    case "query":
      if (written.valuePrefix !== "") {
        const message = "a query parameter has no value_prefix";
        const hint = "Remove value_prefix, or look in a header";
        problems.error(prefix.at, { code: "bad-location", message, path: prefix.path, hint });
      }
      return { kind: "query", name: written.in.value };
    default: {
      const cookie = written.in.case === "cookie";
      const message = cookie ? "a cookie is not looked at" : "this location names no place";
      const hint = "Write header: NAME (with value_prefix) or query: NAME";
      problems.warning(at, { code: "bad-location", message, path, hint });
      return undefined;
    }
  }
}

function readHeader(
  name: string,
  valuePrefix: string,
  { at, path }: FieldPlace,
  problems: ProblemList,
): JwtLocation | undefined {
  if (/^[!#$%&'*+.^`|~\w-]+$/.test(name)) {
    return { kind: "header", name: name.toLowerCase(), valuePrefix };
  }
  const message = `${quote(name)} is no header name`;
  problems.error(at, { code: "bad-location", message, path, hint: "Write header: Authorization" });
  return undefined;
}
