import type { RejectionReason } from "./reasons.ts";

type TextRule = readonly [text: string | RegExp, reason: RejectionReason, fix?: string];

/**
 * The texts that API Gateway's data plane (ESPv2 on Envoy, ESP before it) answers with. A string is the whole text.
 * @see https://github.com/google/jwt_verify_lib/blob/master/src/status.cc
 */
const texts: readonly TextRule[] = [
  ["The current request is not defined by this API.", "METHOD_NOT_FOUND"],
  [/^The current request is matched to the defined url template /, "HTTP_METHOD_NOT_ALLOWED"],
  ["Jwt is missing", "TOKEN_MISSING"],
  ["Jwt header [alg] is not supported", "ALGORITHM_NOT_SUPPORTED"],
  ["Jwt issuer is not configured", "ISSUER_NOT_CONFIGURED"],
  ["Jwt is expired", "TOKEN_EXPIRED"],
  ["Jwt not yet valid", "TOKEN_NOT_YET_VALID"],
  ["Audiences in Jwt are not allowed", "AUDIENCE_MISMATCH"],
  [/^(Jwks remote fetch is failed|Jwks doesn't have any valid public key)$/, "KEYS_NOT_AVAILABLE"],
  ["Jwks doesn't have key to match kid or alg from Jwt", "KEY_NOT_FOUND"],
  ["Jwt verification fails", "SIGNATURE_INVALID"],
  [/^Jwt (header|payload|signature) .*(is an invalid|field is|is wrong length)/, "TOKEN_MALFORMED"],
  [/^Jwt is not in the form of Header\.Payload\.Signature/, "TOKEN_MALFORMED"],
  // ESP, and what its documents still quote
  [/^JWT validation failed: Audience not allowed/i, "AUDIENCE_MISMATCH"],
  [/^JWT validation failed: TIME_CONSTRAINT_FAILURE/i, "TOKEN_EXPIRED"],
  [/^JWT validation failed: (Issuer not allowed|BAD_FORMAT)/i, "ISSUER_NOT_CONFIGURED"],
  [/KEY_RETRIEVAL_ERROR/, "KEYS_NOT_AVAILABLE"],
  [/Method doesn't allow unregistered callers/, "API_KEY_MISSING"],
  [/API key (not valid|not found|expired)\./, "API_KEY_INVALID"],
  ["upstream request timeout", "BACKEND_DEADLINE"],
  ["stream timeout", "STREAM_IDLE"],
  [
    /^upstream connect error or disconnect\/reset before headers\..*protocol error/,
    "BACKEND_UNREACHABLE",
    "One side speaks HTTP/1, the other HTTP/2: name Cloud Run's port h2c where the server speaks gRPC",
  ],
  [/^upstream connect error or disconnect\/reset before headers\./, "BACKEND_UNREACHABLE"],
  [/^Token not found for audience: /, "BACKEND_TOKEN_MISSING"],
  [/^Path (is too long|cannot contain fragment identifier)/, "BAD_REQUEST"],
];

/** Which refusal a text of API Gateway's is; undefined: none of its texts. */
export function classifyGatewayText(
  text: string,
): { readonly reason: RejectionReason; readonly fix: string | undefined } | undefined {
  const found = texts.find(([known]) =>
    typeof known === "string" ? known === text : known.test(text),
  );
  return found === undefined ? undefined : { reason: found[1], fix: found[2] };
}
