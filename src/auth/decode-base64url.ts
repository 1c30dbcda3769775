/** Strict: the URL alphabet, no padding, no white space, unused bits zero. undefined when it is not that. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  // Two spellings of the same bytes would be two tokens for a cache, and one for whoever compares what they say.
  const lastGroup = text.slice(text.length - (text.length % 4 || 4));
  return bytes.subarray(bytes.length - (bytes.length % 3 || 3)).toString("base64url") === lastGroup
    ? bytes
    : undefined;
}
