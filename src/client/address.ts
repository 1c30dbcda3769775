/** Where a call goes and how. */
export interface Address {
  /** http: HTTP/2 without TLS (h2c); https: TLS. Without path. */
  readonly url: URL;
  readonly isTls: boolean;
}

/**
 * host:port means TLS, as gRPC programs take it; https:// too, http:// is h2c. Without a port 443, and 80 for http.
 * Throws an Error that says what to write instead.
 */
export function parseAddress(address: string): Address {
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `https://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === "") throw new Error(badAddress(address));
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error(badAddress(address));
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "")
    throw new Error(badAddress(address));
  return { url, isTls: url.protocol === "https:" };
}

function badAddress(address: string): string {
  return `"${address}" is no address: write HOST:PORT or https://HOST:PORT for TLS, http://HOST:PORT for HTTP/2 without TLS`;
}

/** Whether what is sent there never leaves this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname);
}
