/** Longest message sent, bytes after escaping. Against: an error text that bursts the peer's header limit. */
export const MAX_MESSAGE_BYTES = 8 * 1024;

/**
 * `grpc-message` escaped as little as gRPC asks: only %, control characters and what is not ASCII; also a space at
 * either end, which HTTP would drop. grpc-js shows everything else that is escaped as it stands (`projects%2Fp`).
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Percent-Encoded
 */
export function escapeGrpcMessage(text: string): string {
  if (text.length <= MAX_MESSAGE_BYTES && neverEscaped.test(text)) return text;
  let escaped = "";
  for (const character of text) {
    const next = isPlain(character) ? character : percentEncode(character);
    if (escaped.length + next.length > MAX_MESSAGE_BYTES) break;
    escaped += next;
  }
  return escaped.replace(/^ | $/g, "%20");
}

/** The same for what Connect wrote: it escapes by encodeURIComponent. A value that is not of that kind is left alone. */
export function lessEscaped(grpcMessage: string): string {
  try {
    return escapeGrpcMessage(decodeURIComponent(grpcMessage));
  } catch {
    return grpcMessage;
  }
}

/** Nothing in it needs escaping, and no space stands at an end. */
const neverEscaped = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/;

function isPlain(character: string): boolean {
  return character >= " " && character <= "~" && character !== "%";
}

/** A lone surrogate becomes U+FFFD: UTF-8 has no form for it. */
function percentEncode(character: string): string {
  const bytes = Buffer.from(character, "utf8");
  return [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}
