/** A backend address, `scheme://host[:port][/path][?query]`, in parts. */
export interface Address {
  readonly scheme: AddressScheme;
  readonly tls: boolean;
  /** As written; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
  /** "" where there is none. */
  readonly path: string;
}

export type AddressScheme = "http" | "https" | "grpc" | "grpcs";

export interface AddressFault {
  readonly fault: string;
  readonly hint: string;
}

const schemes: readonly string[] = ["http", "https", "grpc", "grpcs"];
const EXAMPLE = "grpcs://HOST, grpc://HOST:PORT, https://HOST or http://HOST:PORT";

/**
 * Read `backend.rules[].address` (BE-1, BE-2): no scheme means https, the default port is 443 where the scheme ends in
 * "s" and 80 elsewhere.
 * @see ESPv2 src/go/util/url_util.go
 */
export function parseAddress(text: string): Address | AddressFault {
  const [, written = "https", rest = ""] = /^(?:([^/?#]*?):\/\/)?(.*)$/s.exec(text) ?? [];
  const scheme = written.toLowerCase();
  if (!isScheme(scheme)) {
    const fault = `unknown backend scheme ${JSON.stringify(written)}; it is one of http, https, grpc, grpcs`;
    const wanted = scheme.startsWith("h2") || scheme.startsWith("http2") ? "grpc" : "grpcs";
    return { fault, hint: `For a gRPC backend write ${wanted}://${rest}` };
  }
  const [, authority = "", tail = ""] = /^([^/?#]*)(.*)$/s.exec(rest) ?? [];
  const tailFault = faultOfTail(tail);
  if (tailFault !== undefined) return tailFault;
  const hostAndPort = splitAuthority(authority);
  if ("fault" in hostAndPort) return hostAndPort;
  const tls = scheme.endsWith("s");
  const port = hostAndPort.port ?? (tls ? 443 : 80);
  return { scheme, tls, host: hostAndPort.host, port, path: tail.replace(/\?.*$/s, "") };
}

function isScheme(scheme: string): scheme is AddressScheme {
  return schemes.includes(scheme);
}

function faultOfTail(tail: string): AddressFault | undefined {
  if (tail.includes("#"))
    return { fault: "it has a fragment (#)", hint: "Remove the # and what follows" };
  if (/%(?![0-9A-Fa-f]{2})/.test(tail)) {
    return { fault: "it has a bad percent escape", hint: "Write %25 for a percent sign" };
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(tail)) {
    return { fault: "its path has a space or a control character", hint: "Write %20 for a space" };
  }
  return undefined;
}

function splitAuthority(
  authority: string,
): { readonly host: string; readonly port: number | undefined } | AddressFault {
  if (authority === "") return { fault: "it has no host", hint: `Write ${EXAMPLE}` };
  if (authority.includes("@")) {
    return { fault: "it has a user name", hint: "Remove everything up to the @" };
  }
  const inBrackets = /^(\[[^[\]]*\])(?::(.*))?$/s.exec(authority);
  if (inBrackets === null && /[[\]]/.test(authority)) {
    return { fault: "its brackets do not match", hint: "Write an IPv6 host as [::1]:PORT" };
  }
  const parts = inBrackets?.slice(1) ?? authority.split(":");
  if (parts.length > 2) {
    const hint = "Write HOST:PORT, and an IPv6 host in brackets: [::1]:PORT";
    return { fault: "it has more than one colon", hint };
  }
  const [host = "", portText] = parts;
  if (!isHost(host)) {
    const shown = JSON.stringify(host);
    return {
      fault: `${shown} is no host name`,
      hint: "Letters, digits, dots and dashes make a host",
    };
  }
  if (portText === undefined || portText === "") return { host, port: undefined };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) {
    const fault = `${JSON.stringify(portText)} is no port`;
    return { fault, hint: "Write a number from 1 to 65535, or leave the port out" };
  }
  return { host, port };
}

function isHost(host: string): boolean {
  if (host.startsWith("[")) return URL.canParse(`http://${host}/`);
  return /^[\w.~-]{1,255}$/.test(host) && URL.canParse(`http://${host}/`);
}
