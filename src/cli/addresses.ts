import { UsageError } from "./command.ts";

/** Where to listen: `HOST:PORT`, `[::1]:PORT`, or `:PORT` for every address. Throws UsageError. */
export function parseListen(flag: string, text: string): { host: string; port: number } {
  const [, host = "", digits = ""] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535)
    throw new UsageError(`--${flag} ${text}: write HOST:PORT, 127.0.0.1:8080`);
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port };
}

/**
 * `HOST:PORT:ADDRESS` of --resolve, as curl has it; ADDRESS may carry another port. The result's keys are `host:port`,
 * its values `address[:port]`. Throws UsageError.
 */
export function parseResolve(entries: readonly string[]): ReadonlyMap<string, string> {
  const pattern =
    /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5}):(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(:\d{1,5})?$/;
  return new Map(
    entries.map((entry) => {
      const [, host, port, address, otherPort = ""] = pattern.exec(entry) ?? [];
      if (host === undefined || port === undefined || address === undefined)
        throw new UsageError(
          `--resolve ${entry}: write HOST:PORT:ADDRESS, www.googleapis.com:443:127.0.0.1:9443`,
        );
      return [`${host.toLowerCase()}:${port}`, `${address}${otherPort}`];
    }),
  );
}

/** `--backend`: grpc(s) is HTTP/2, http(s) HTTP/1.1, which no release has. Throws UsageError. */
export function parseBackend(text: string): URL {
  const url = URL.parse(text);
  const scheme = url?.protocol.slice(0, -1).toLowerCase();
  if (
    url === null ||
    url.hostname === "" ||
    !["grpc", "grpcs", "http", "https"].includes(scheme ?? "")
  )
    throw new UsageError(`--backend ${text}: write grpc://HOST:PORT or grpcs://HOST:PORT`);
  if (scheme === "http" || scheme === "https")
    throw new UsageError(
      `--backend ${text}: HTTP/1.1 backends are not available yet; for gRPC write ${text.replace(/^http/i, "grpc")}`,
    );
  return url;
}
