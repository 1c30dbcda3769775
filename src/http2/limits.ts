/** So many at once, and so many more a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Every bound of the HTTP layer in one place, each with the attack it is against. */
export interface Limits {
  /** Exchanges one connection may have open. Against: stream floods. */
  readonly streams: number;
  /** Receive window of one exchange, bytes. Against: one exchange that fills memory. */
  readonly streamWindow: number;
  /**
   * Receive window of one connection, bytes: what may be on its way. It is given back on arrival, so that an exchange
   * nobody reads cannot hold the others; memory is bounded by heldBytes. Against: a burst larger than what we read in a turn.
   */
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
  /**
   * Bytes of one header block on the wire, HEADERS and CONTINUATION together; more ends the connection, because what is
   * not decoded leaves its table unknown. Against: CONTINUATION floods.
   */
  readonly blockBytes: number;
  /** CONTINUATION frames of one block. Against: floods of empty ones. */
  readonly continuations: number;
  /** 1xx answers of one exchange. Against: upstreams that never come to the answer. */
  readonly informational: number;
  /**
   * Exchanges that the peer resets before they are over; each one that ends well gives one back. Against: rapid reset,
   * which makes us begin what nobody waits for.
   */
  readonly resets: Rate;
  /**
   * Exchanges that we must refuse or reset for a fault of the peer (malformed, too large, above the stream limit, frames
   * on closed streams). Against: "made you reset", which goes round the count of the peer's own resets.
   */
  readonly refusals: Rate;
  /**
   * PING, SETTINGS (ten each), PRIORITY, WINDOW_UPDATE, RST_STREAM and DATA on closed streams, unknown frames, empty DATA;
   * each DATA frame that the peer gets from us gives four back, as it must be answered by some of these. Against: floods
   * of what costs the sender nothing.
   */
  readonly controls: Rate;
  /**
   * What one connection may have done for it in one turn of the event loop, in small frames (about 0.2 us each): a head
   * is 16 and one more for each 16 bytes of its block and each 256 of its list, DATA 4; the rest of what it sent waits
   * for the next turn. Against: one connection whose cheap calls, tiny frames or large heads keep all others waiting.
   */
  readonly turnWork: number;
  /** DATA that waits in the socket of one connection before more stays in the exchanges' queues, bytes. Against: output nobody reads. */
  readonly outputBytes: number;
  /** All output that waits in one socket, with heads and acks; more ends the connection, bytes. Against: the same, by peers that only ask. */
  readonly backlogBytes: number;
  /** Output of which nothing was taken for so long ends the connection, milliseconds. Against: peers that stop reading. */
  readonly stallMs: number;
  /** From our SETTINGS until their acknowledgement, milliseconds. Against: peers that never agree to our limits. */
  readonly settingsAckMs: number;
  /**
   * Received bytes all connections of an engine may hold unread; beyond, a connection may hold one exchange's window.
   * Against: many connections below their own limit.
   */
  readonly engineHeldBytes: number;
  /** Client: silence on a connection with exchanges until a PING asks whether the peer lives (LM-3), milliseconds. */
  readonly keepaliveMs: number;
  /** Client: from that PING until the connection is given up (LM-3), milliseconds. Against: peers that vanished. */
  readonly keepaliveTimeoutMs: number;
  /** Client: exchanges one connection serves before another takes its place. Against: running out of stream ids. */
  readonly exchanges: number;
  /** Client: our own resets on one connection, in a row, before another takes its place. Against: a caller who cancels so often that the upstream takes us for an attacker. */
  readonly ownResets: Rate;
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
  /**
   * What is still read of a request after its answer ended (HTTP/1.1), or of a connection that is over (HTTP/2), bytes.
   * Against: uploads nobody wants, and floods that go on after GOAWAY.
   */
  readonly lingerBytes: number;
  /** Connections one pool keeps to its upstream, when the upstream limits streams. Against: a peer that allows one stream each. */
  readonly upstreamConnections: number;
  /**
   * Calls of one pool that wait for a connection; of more, those fail with "overflow" (LM-6) whose caller's connection has
   * most of them. Against: an upstream that is down or full, and one caller who fills the queue for all.
   */
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
  blockBytes: 128 * 1024,
  continuations: 32,
  informational: 16,
  resets: { burst: 500, perSecond: 100 },
  refusals: { burst: 500, perSecond: 50 },
  controls: { burst: 10_000, perSecond: 1000 },
  turnWork: 8192,
  outputBytes: 1024 * 1024,
  backlogBytes: 4 * 1024 * 1024,
  stallMs: 30_000,
  settingsAckMs: 10_000,
  engineHeldBytes: 512 * 1024 * 1024,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  exchanges: 2 ** 30 - 1,
  ownResets: { burst: 400, perSecond: 20 },
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
