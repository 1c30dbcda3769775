/** The peer's header block cannot be decoded: the connection's table is lost with it (COMPRESSION_ERROR). */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
