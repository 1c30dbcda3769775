/** Every bound of the HTTP layer in one place, each with the attack it is against. */
export interface Limits {
  /** Exchanges one connection may have open. Against: stream floods. */
  readonly streams: number;
  /** Receive window of one exchange, bytes. Against: one exchange that fills memory. */
  readonly streamWindow: number;
  /** Receive window of one connection, bytes. Against: many exchanges that fill memory. */
  readonly sessionWindow: number;
  /** Largest header list, bytes as RFC 9113 section 6.5.2 counts (name + value + 32 a field). Against: header bombs. */
  readonly headerBytes: number;
  /** Fields in one header list; more is refused as too large. Against: many tiny fields. */
  readonly headerFields: number;
  /** Received bytes one connection may hold unread before its credit stops. Against: exchanges nobody reads. */
  readonly heldBytes: number;
  /**
   * A request header whose name contains "_" is refused (HD-9); server side only. Against: backends that take
   * `x_apigateway_api_userinfo` for `x-apigateway-api-userinfo`.
   */
  readonly rejectUnderscores: boolean;
  /** Connections one listener has open; more are closed at once. Against: running out of descriptors. */
  readonly connections: number;
  /** From accept until the protocol is known, milliseconds. Against: connections that say nothing, or a byte at a time. */
  readonly prefaceMs: number;
  /** HTTP/1.1 and HTTP/2: from the first byte of a head until it is whole, milliseconds. Against: slow headers. */
  readonly headerMs: number;
  /** A server connection without exchanges is closed after this, milliseconds. Against: idle connections that pile up. */
  readonly idleMs: number;
  /** HTTP/1.1 requests sent ahead on one connection while another is answered. Against: pipelines that fill memory. */
  readonly pipelined: number;
  /** What is still read of a request after its answer ended, bytes, HTTP/1.1. Against: uploads nobody wants. */
  readonly lingerBytes: number;
  /** Connections one pool keeps to its upstream, when the upstream limits streams. Against: a peer that allows one stream each. */
  readonly upstreamConnections: number;
  /** Calls of one pool that wait for a connection; more fail with "overflow" (LM-6). Against: an upstream that is down or full. */
  readonly waiting: number;
  /** Bytes of a request that are kept until the answer begins, to send it again (LM-2). Against: retries that fill memory. */
  readonly replayBytes: number;
}

/** LM-4: 60 KiB and 100 fields, as Envoy's defaults are. */
export const defaultLimits: Limits = {
  streams: 1000,
  streamWindow: 256 * 1024,
  sessionWindow: 8 * 1024 * 1024,
  headerBytes: 60 * 1024,
  headerFields: 100,
  heldBytes: 64 * 1024 * 1024,
  rejectUnderscores: false,
  connections: 10_000,
  prefaceMs: 10_000,
  headerMs: 10_000,
  idleMs: 3_600_000,
  pipelined: 16,
  lingerBytes: 1024 * 1024,
  upstreamConnections: 100,
  waiting: 1024,
  replayBytes: 64 * 1024,
};
