/** Every reason a call can be refused for: stable words, one row each in docs/rejections.md. */
export const rejectionReasons = [
  // the client's side, before anything is sent
  "TOKEN_NOT_MINTED",
  "CONNECTION_FAILED",
  "DEADLINE_EXCEEDED",
  // the gateway: routing
  "METHOD_NOT_FOUND",
  "HTTP_METHOD_NOT_ALLOWED",
  // the gateway: tokens, in the order they are looked at (JV-1)
  "TOKEN_MISSING",
  "TOKEN_MALFORMED",
  "ALGORITHM_NOT_SUPPORTED",
  "ISSUER_NOT_CONFIGURED",
  "TOKEN_EXPIRED",
  "TOKEN_NOT_YET_VALID",
  "AUDIENCE_MISMATCH",
  "KEYS_NOT_AVAILABLE",
  "KEY_NOT_FOUND",
  "SIGNATURE_INVALID",
  // the gateway: API keys
  "API_KEY_MISSING",
  "API_KEY_INVALID",
  // the gateway: upstream
  "BACKEND_TOKEN_MISSING",
  "BACKEND_DEADLINE",
  "BACKEND_UNREACHABLE",
  "STREAM_IDLE",
  "CALL_RESET",
  "BAD_REQUEST",
  "UNSUPPORTED_PROTOCOL",
  // Cloud Run's front
  "RUN_UNAUTHENTICATED",
  "RUN_TOKEN_INVALID",
  "RUN_FORBIDDEN",
  "RUN_NOT_FOUND",
  "RUN_NO_INSTANCE",
  "RUN_START_FAILED",
  "RUN_TIMEOUT",
  "RUN_CONTAINER_ERROR",
  // the server
  "PRINCIPAL_UNPROVEN",
  "PRINCIPAL_MISSING",
  "ACCESS_DENIED",
  "SERVER_DRAINING",
  // an answer of the service itself, or one nobody here can name
  "SERVICE_ERROR",
  "UNKNOWN",
] as const;

export type RejectionReason = (typeof rejectionReasons)[number];
