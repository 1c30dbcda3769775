import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { classify, type ForeignAnswer } from "./classify.ts";

const html = { "content-type": "text/html; charset=UTF-8", server: "Google Frontend" };
const challenge =
  'Bearer error="invalid_token" error_description="The access token could not be verified"';

/** hop/REASON, or unknown. */
function outcome(answer: ForeignAnswer): string {
  const found = classify(answer);
  assert.ok(found.evidence.length > 0);
  if (found.kind === "unknown") return "unknown";
  const { hop, reason, code, message, fix } = found.rejection;
  assert.equal(code, answer.code);
  assert.equal(message, answer.message);
  assert.ok(fix.length > 10, reason);
  return `${hop}/${reason}`;
}

const json = (code: number, message: string): string => JSON.stringify({ code, message });

describe("classify: API Gateway's JSON texts", () => {
  for (const [reason, code, http, text] of [
    ["METHOD_NOT_FOUND", 12, 404, "The current request is not defined by this API."],
    [
      "HTTP_METHOD_NOT_ALLOWED",
      2,
      405,
      'The current request is matched to the defined url template "/a" but its http method is not allowed',
    ],
    ["TOKEN_MISSING", 16, 401, "Jwt is missing"],
    [
      "TOKEN_MALFORMED",
      16,
      401,
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    ["TOKEN_MALFORMED", 16, 401, "Jwt header is an invalid Base64url encoded"],
    ["TOKEN_MALFORMED", 16, 401, "Jwt header [alg] field is required and must be a string"],
    ["ALGORITHM_NOT_SUPPORTED", 16, 401, "Jwt header [alg] is not supported"],
    ["TOKEN_MALFORMED", 16, 401, "Jwt payload [aud] field is not a string or string list"],
    ["TOKEN_MALFORMED", 16, 401, "Jwt signature is an invalid Base64url encoded"],
    ["ISSUER_NOT_CONFIGURED", 16, 401, "Jwt issuer is not configured"],
    ["TOKEN_EXPIRED", 16, 401, "Jwt is expired"],
    ["TOKEN_NOT_YET_VALID", 16, 401, "Jwt not yet valid"],
    ["AUDIENCE_MISMATCH", 7, 403, "Audiences in Jwt are not allowed"],
    ["KEYS_NOT_AVAILABLE", 16, 401, "Jwks remote fetch is failed"],
    ["KEYS_NOT_AVAILABLE", 16, 401, "Jwks doesn't have any valid public key"],
    ["KEY_NOT_FOUND", 16, 401, "Jwks doesn't have key to match kid or alg from Jwt"],
    ["SIGNATURE_INVALID", 16, 401, "Jwt verification fails"],
    [
      "API_KEY_MISSING",
      16,
      401,
      "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    ],
    [
      "API_KEY_INVALID",
      13,
      400,
      "INVALID_ARGUMENT: API key not valid. Please pass a valid API key.",
    ],
    ["BACKEND_DEADLINE", 14, 504, "upstream request timeout"],
    ["STREAM_IDLE", 14, 504, "stream timeout"],
    [
      "BACKEND_UNREACHABLE",
      14,
      503,
      "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure",
    ],
    ["BACKEND_TOKEN_MISSING", 2, 500, "Token not found for audience: https://x"],
    ["UNKNOWN", 2, 500, "a text of next year"],
  ] as const)
    it(`${text.slice(0, 60)}: gateway, ${reason}`, () => {
      assert.equal(outcome({ code, message: json(http, text) }), `gateway/${reason}`);
    });
  it("Jwt texts are known without their JSON too: some clients and older gateways show them so", () => {
    assert.equal(outcome({ code: 16, message: "Jwt is missing" }), "gateway/TOKEN_MISSING");
    assert.equal(
      outcome({ code: 7, message: "JWT validation failed: Audience not allowed" }),
      "gateway/AUDIENCE_MISMATCH",
    );
  });
  it("JSON of somebody else is not taken for it", () => {
    for (const message of [
      '{"code":"401","message":"x"}',
      '{"error":{}}',
      "{",
      "{}",
      "[1]",
      "null",
    ])
      assert.equal(outcome({ code: 2, message }), "unknown");
  });
});

describe("classify: Cloud Run's denials, as clients show them", () => {
  const goType = 'transport: received the unexpected content-type "text/html; charset=UTF-8"';
  for (const [client, message] of [
    ["connect", (status: number, _: string) => `HTTP ${status}`],
    ["grpc-js", (status: number, _: string) => `Received HTTP status code ${status}`],
    [
      "grpc-go 1.34",
      (status: number, name: string) => `${name}: HTTP status code ${status}; ${goType}`,
    ],
    [
      "grpc-go now",
      (status: number, name: string) =>
        `unexpected HTTP status code received from server: ${status} (${name}); ${goType}`,
    ],
  ] as const)
    for (const [status, name, code, reason, more] of [
      [401, "Unauthorized", 16, "RUN_TOKEN_INVALID", {}],
      [403, "Forbidden", 7, "RUN_FORBIDDEN", { sentToken: true }],
      [403, "Forbidden", 7, "RUN_FORBIDDEN", { throughGateway: true, sentToken: false }],
      [403, "Forbidden", 7, "RUN_UNAUTHENTICATED", { sentToken: false }],
      [404, "Not Found", 12, "RUN_NOT_FOUND", {}],
      [429, "Too Many Requests", 14, "RUN_NO_INSTANCE", {}],
      [502, "Bad Gateway", 14, "RUN_CONTAINER_ERROR", {}],
      [503, "Service Unavailable", 14, "RUN_START_FAILED", {}],
      [504, "Gateway Timeout", 14, "RUN_TIMEOUT", {}],
    ] as const)
      it(`${client}, ${status} ${JSON.stringify(more)}: ${reason}`, () => {
        assert.equal(
          outcome({ code, message: message(status, name), ...more }),
          `cloud-run/${reason}`,
        );
      });
  it("headers are evidence", () => {
    const headers = new Headers({ ...html, "www-authenticate": challenge });
    const { evidence } = classify({ code: 16, message: "HTTP 401", headers });
    assert.deepEqual(evidence, [
      "HTTP 401 instead of a gRPC answer",
      "content-type text/html; charset=UTF-8",
      "server: Google Frontend",
      'www-authenticate says error="invalid_token"',
    ]);
  });
  it("says that a 403 may be either, where it is not known what was sent", () => {
    const { evidence } = classify({ code: 7, message: "HTTP 403" });
    assert.match(evidence.join(), /the same for a call without a token/);
  });
  it("another server's answer is not Cloud Run's", () => {
    for (const headers of [
      new Headers({ server: "nginx" }),
      new Headers({ "content-type": "application/json" }),
    ])
      assert.equal(outcome({ code: 7, message: "HTTP 403", headers }), "unknown");
    assert.equal(outcome({ code: 2, message: "HTTP 418" }), "unknown");
  });
});

describe("classify: the failure table's other rows", () => {
  for (const [expected, message] of [
    [
      "cloud-run/RUN_CONTAINER_ERROR",
      "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
    ],
    ["cloud-run/RUN_TIMEOUT", "upstream request timeout"],
    [
      "cloud-run/RUN_START_FAILED",
      "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable within the allocated timeout.",
    ],
    [
      "cloud-run/RUN_UNAUTHENTICATED",
      "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header.",
    ],
    [
      "cloud-run/RUN_FORBIDDEN",
      "The request was not authorized to invoke this service. Read more at https://cloud.google.com/run/docs/securing/authentication",
    ],
    [
      "client/TOKEN_NOT_MINTED",
      "Cannot fetch ID token in this environment, use GCE or set the GOOGLE_APPLICATION_CREDENTIALS environment variable to a service account credentials JSON file.",
    ],
    [
      "client/TOKEN_NOT_MINTED",
      'idtoken: credential must be service_account, found "authorized_user"',
    ],
    ["client/TOKEN_NOT_MINTED", "invalid_grant: Invalid JWT Signature."],
    [
      "client/CONNECTION_FAILED",
      'connection error: desc = "transport: authentication handshake failed: tls: first record does not look like a TLS handshake"',
    ],
    ["client/CONNECTION_FAILED", "x509: certificate is valid for localhost, not grpc.domain.com"],
    ["client/CONNECTION_FAILED", "x509: certificate signed by unknown authority"],
    ["client/CONNECTION_FAILED", "unable to verify the first certificate"],
    ["client/CONNECTION_FAILED", "connect ECONNREFUSED 127.0.0.1:8443"],
    ["client/CONNECTION_FAILED", "transport is closing"],
    ["server/CALL_RESET", "server closed the stream without sending trailers"],
    ["server/CALL_RESET", "Received RST_STREAM with code 0"],
    ["unknown", "stream timeout"],
    ["unknown", "no such name"],
    ["unknown", ""],
  ] as const)
    it(`${message.slice(0, 70)}: ${expected}`, () =>
      assert.equal(outcome({ code: 14, message }), expected));
  it("a deadline is the caller's own: neither gateway nor Cloud Run says DEADLINE_EXCEEDED", () => {
    assert.equal(
      outcome({ code: Code.DeadlineExceeded, message: "the operation timed out" }),
      "client/DEADLINE_EXCEEDED",
    );
  });
});
