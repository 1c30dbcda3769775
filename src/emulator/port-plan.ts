import type { Place } from "./listen-at.ts";

/** Who listens where: first gateway, first service, issuer, metadata server, issuer over TLS, one port after another. */
export interface PortPlan {
  readonly issuer: Place;
  readonly issuerTls: Place;
  readonly metadata: Place;
  /** Each call is for one more. */
  gateway(name: string): Place;
  service(name: string): Place;
}

const USUAL_GATEWAY_PORT = 8443;
const USUAL_RUN_PORT = 8444;
const MAX_PORT = 65_535;
const PORTS = 5;

/**
 * @param base first of five ports that somebody asked for; 0: any free ones; undefined: 8443 and 8444 where they are
 * free, for gateway and service, any for the rest. Throws where five ports from there on do not exist.
 */
export function planPorts(base: number | undefined): PortPlan {
  if (
    base !== undefined &&
    !(Number.isInteger(base) && base >= 0 && base <= MAX_PORT - PORTS + 1)
  ) {
    throw new Error(`port base ${base}: write a number from 1 to ${MAX_PORT - PORTS + 1}`);
  }
  const at = (what: string, offset: number, usual: number): Place => {
    const isAsked = base !== undefined && base !== 0;
    return { what, port: isAsked ? base + offset : base === 0 ? 0 : usual, isAsked };
  };
  const inTurn = (what: string, offset: number, usual: number): ((name: string) => Place) => {
    let isFirst = true;
    return (name) => {
      const place = isFirst
        ? at(`${what} ${name}`, offset, usual)
        : { what: `${what} ${name}`, port: 0, isAsked: false };
      isFirst = false;
      return place;
    };
  };
  return {
    gateway: inTurn("the gateway", 0, USUAL_GATEWAY_PORT),
    service: inTurn("Cloud Run service", 1, USUAL_RUN_PORT),
    issuer: at("the token issuer", 2, 0),
    metadata: at("the metadata server", 3, 0),
    issuerTls: at("the token issuer (TLS)", 4, 0),
  };
}
