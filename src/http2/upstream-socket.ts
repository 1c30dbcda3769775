import dns from "node:dns";
import net from "node:net";
import tls from "node:tls";

export interface UpstreamAddress {
  /** Name or address to connect to. */
  readonly host: string;
  readonly port: number;
  /** SNI and the name the certificate must have; `ca`: PEM roots beside the system's. ALPN offers exactly h2 (BE-3). */
  readonly tls?: { readonly servername: string; readonly ca?: readonly string[] };
}

/** A way to open connections to one upstream: its certificates are read once. */
export function upstreamConnector(address: UpstreamAddress): () => net.Socket {
  const { host, port } = address;
  const where: net.TcpNetConnectOpts = { host: host.replace(/^\[|\]$/g, ""), port, lookup };
  if (address.tls === undefined) return () => net.connect({ ...where, noDelay: true });
  const { servername, ca = [] } = address.tls;
  const secureContext = tls.createSecureContext({
    ca: [...tls.getCACertificates("default"), ...ca],
  });
  const name = net.isIP(servername) === 0 ? { servername } : {};
  const options = {
    ...where,
    ...name,
    secureContext,
    ALPNProtocols: ["h2"],
    checkServerIdentity: (_host: string, certificate: tls.PeerCertificate) =>
      tls.checkServerIdentity(servername, certificate),
  };
  return () => tls.connect(options).setNoDelay(true);
}

/** LM-3: IPv4 first. */
const lookup: net.LookupFunction = (hostname, options, done) => {
  dns.lookup(hostname, { ...options, order: "ipv4first" }, done);
};
