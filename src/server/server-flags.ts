/** The service's own flags, with the walkthrough's names. */
export interface ServerFlags {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Principal on; without `accessFile` every verified caller is let in. */
  readonly validateToken: boolean;
  readonly targetAudience: string | undefined;
  /** Ask the metadata server for the instance id. */
  readonly useMetadata: boolean;
  readonly accessFile: string | undefined;
  readonly gatewayAudience: string | undefined;
  readonly gatewayAccount: string | undefined;
  readonly trustPlatform: boolean;
  readonly jwksUrl: URL;
  readonly caFile: string | undefined;
  readonly help: boolean;
}

/** Wrong usage: what, and what to write instead. */
export interface UsageFault {
  readonly usageFault: string;
}

export const serverUsage = `Usage: node server/main.ts [flags]

  --grpcport HOST:PORT     where to listen; default $PORT, else :8080
  --usetls --cert FILE --key FILE   TLS from PEM files; default h2c
  --access FILE            who may call what, live; turns on the principal
  --validateToken          let every verified caller in (without --access)
  --targetAudience AUD     audience of tokens in authorization: the service's URL
  --gatewayAudience AUD    audience of tokens that the gateway passes on
  --gatewayAccount EMAIL   the gateway's own account: its calls are anonymous
  --trustPlatform          believe tokens whose signature Cloud Run removed
  --jwks URL               keys that sign tokens; default Google's
  --ca FILE                extra root certificates for --jwks
  --useMetadata=false      do not ask the metadata server for the instance id
`;

const GOOGLE_JWKS = "https://www.googleapis.com/oauth2/v3/certs";

const booleans = ["usetls", "validateToken", "useMetadata", "trustPlatform", "help"] as const;
const texts = [
  "grpcport",
  "cert",
  "key",
  "targetAudience",
  "access",
  "gatewayAudience",
  "gatewayAccount",
  "jwks",
  "ca",
] as const;

type BooleanFlag = (typeof booleans)[number];
type TextFlag = (typeof texts)[number];

interface Given {
  readonly booleans: ReadonlyMap<BooleanFlag, boolean>;
  readonly texts: ReadonlyMap<TextFlag, string>;
}

/**
 * Flags in camelCase or kebab-case, `--flag value` or `--flag=value`, booleans `--flag` or `--flag=true|false`; the last
 * one of a name wins.
 *
 * @param portVariable the environment's PORT: used where --grpcport is not given.
 */
export function parseServerFlags(
  argv: readonly string[],
  portVariable: string | undefined,
): ServerFlags | UsageFault {
  const given = readFlags(argv);
  if ("usageFault" in given) return given;
  const text = (name: TextFlag): string | undefined => given.texts.get(name);
  const isOn = (name: BooleanFlag): boolean => given.booleans.get(name) ?? false;

  const listen = parseListen(text("grpcport"), portVariable);
  if ("usageFault" in listen) return listen;
  const tls = parseTls(isOn("usetls"), text("cert"), text("key"));
  if (tls !== undefined && "usageFault" in tls) return tls;
  const jwksUrl = parseJwks(text("jwks") ?? GOOGLE_JWKS);
  if ("usageFault" in jwksUrl) return jwksUrl;
  const validateToken = isOn("validateToken");
  const audiences = [text("targetAudience"), text("gatewayAudience")];
  if (validateToken && audiences.every((one) => one === undefined))
    return fault(
      "--validateToken needs the audience of the tokens: --targetAudience AUD, the service's URL on Cloud Run",
    );
  return {
    ...listen,
    tls,
    validateToken,
    targetAudience: text("targetAudience"),
    useMetadata: given.booleans.get("useMetadata") ?? true,
    accessFile: text("access"),
    gatewayAudience: text("gatewayAudience"),
    gatewayAccount: text("gatewayAccount"),
    trustPlatform: isOn("trustPlatform"),
    jwksUrl,
    caFile: text("ca"),
    help: isOn("help"),
  };
}

function readFlags(argv: readonly string[]): Given | UsageFault {
  const given = { booleans: new Map<BooleanFlag, boolean>(), texts: new Map<TextFlag, string>() };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const [, name = "", written] = argument.match(/^--?([A-Za-z][\w-]*)(?:=(.*))?$/s) ?? [];
    if (name === "")
      return fault(`unexpected argument ${argument}; booleans are written --flag=false`);
    const boolean = booleans.find((one) => isSpelling(name, one));
    if (boolean !== undefined) {
      if (written !== undefined && written !== "true" && written !== "false")
        return fault(`--${name}=${written}: write --${name}=true or --${name}=false`);
      given.booleans.set(boolean, written !== "false");
      continue;
    }
    const flag = texts.find((one) => isSpelling(name, one));
    if (flag === undefined) return fault(`unknown flag --${name}`);
    const value = written ?? argv[++i];
    if (value === undefined || value === "") return fault(`--${name} needs a value`);
    given.texts.set(flag, value);
  }
  return given;
}

/** targetAudience, target-audience */
function isSpelling(name: string, flag: string): boolean {
  return name.replaceAll("-", "").toLowerCase() === flag.toLowerCase();
}

function parseListen(
  grpcport: string | undefined,
  portVariable: string | undefined,
): { readonly host: string; readonly port: number } | UsageFault {
  const written = grpcport ?? (portVariable || "8080");
  const [, host, digits] = written.match(/^(?:(.*):)?(\d{1,5})$/) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    const from = grpcport === undefined ? `PORT=${written}` : `--grpcport ${written}`;
    return fault(`${from} is no port: write :8080 or 127.0.0.1:8080`);
  }
  return { host: host?.replace(/^\[|\]$/g, "") || "0.0.0.0", port };
}

function parseTls(
  usetls: boolean,
  certFile: string | undefined,
  keyFile: string | undefined,
): ServerFlags["tls"] | UsageFault {
  if (usetls) {
    if (certFile === undefined || keyFile === undefined)
      return fault("--usetls needs --cert FILE and --key FILE");
    return { certFile, keyFile };
  }
  if (certFile === undefined && keyFile === undefined) return undefined;
  return fault("--cert and --key do nothing without --usetls");
}

/** Keys decide who is believed: in cleartext only from this machine. */
function parseJwks(written: string): URL | UsageFault {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url?.protocol === "https:") return url;
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? "");
  if (url?.protocol === "http:" && isLocal) return url;
  return fault(`--jwks ${written}: write an https URL; http is for this machine only`);
}

function fault(usageFault: string): UsageFault {
  return { usageFault };
}
