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
}

/** LM-4: 60 KiB and 100 fields, as Envoy's defaults are. */
export const defaultLimits: Limits = {
  streams: 1000,
  streamWindow: 256 * 1024,
  sessionWindow: 8 * 1024 * 1024,
  headerBytes: 60 * 1024,
  headerFields: 100,
  heldBytes: 64 * 1024 * 1024,
};
