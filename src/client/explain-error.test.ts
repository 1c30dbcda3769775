import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { toConnectError } from "../rejection/rejection.ts";
import { BrokenCall } from "./broken-call.ts";
import { explainError } from "./explain-error.ts";
import { printRejection } from "./print-rejection.ts";

describe("explainError", () => {
  it("takes the word of Callpath's own hops", () => {
    const error = toConnectError({
      hop: "server",
      reason: "ACCESS_DENIED",
      code: Code.PermissionDenied,
      message: "not allowed to call echo.EchoServer.SayHello",
      detail: "kept to itself",
      fix: "add serviceAccount:eve@x under allow:",
    });
    assert.partialDeepStrictEqual(explainError(error), {
      hop: "server",
      reason: "ACCESS_DENIED",
      code: Code.PermissionDenied,
      message: "not allowed to call echo.EchoServer.SayHello",
      fix: "add serviceAccount:eve@x under allow:",
    });
  });

  it("does not take another's ErrorInfo for ours", () => {
    const error = toConnectError({
      hop: "server",
      reason: "ACCESS_DENIED",
      code: Code.PermissionDenied,
      message: "no",
      detail: "",
      fix: "",
    });
    const [info] = error.details;
    assert.ok(info !== undefined && "value" in info);
    Object.assign(info.value, { domain: "googleapis.com" });
    assert.equal(explainError(error).reason, "SERVICE_ERROR");
  });

  it("knows the gateway by its words", () => {
    const error = new ConnectError('{"code":401,"message":"Jwt is missing"}', Code.Unauthenticated);
    assert.partialDeepStrictEqual(explainError(error), { hop: "gateway", reason: "TOKEN_MISSING" });
  });

  it("knows Cloud Run's front by its HTTP answer, and what the caller sent", () => {
    const headers = { "content-type": "text/html; charset=UTF-8" };
    const error = new ConnectError("HTTP 403", Code.PermissionDenied, headers);
    const facts = { sentToken: false, throughGateway: false };
    assert.partialDeepStrictEqual(explainError(error, facts), {
      hop: "cloud-run",
      reason: "RUN_UNAUTHENTICATED",
    });
    assert.equal(explainError(error, { sentToken: true }).reason, "RUN_FORBIDDEN");
  });

  it("leaves to the service what is the service's", () => {
    const error = new ConnectError("no such user", Code.NotFound);
    assert.partialDeepStrictEqual(explainError(error), {
      hop: "server",
      reason: "SERVICE_ERROR",
      message: "no such user",
    });
  });

  it("says that it does not know an HTTP answer of nobody here", () => {
    assert.equal(explainError(new ConnectError("HTTP 418", Code.Unknown)).reason, "UNKNOWN");
  });

  for (const [code, message, fix] of [
    ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1", /Nothing listens there/],
    ["ENOTFOUND", "getaddrinfo ENOTFOUND x", /does not resolve/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match", /--servername/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", /--cacert/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS: wrong version number", /No TLS is spoken there/],
    ["ETIMEDOUT", "no connection within 20000 ms", /Check address and port/],
  ] as const)
    it(`says what to do about a connection that failed with ${code}`, () => {
      const rejection = explainError(new BrokenCall("connect", code, message).toConnectError());
      assert.partialDeepStrictEqual(rejection, { hop: "client", reason: "CONNECTION_FAILED" });
      assert.match(rejection.fix, fix);
    });

  it("tells a connection that broke from one that never was", () => {
    const lost = new BrokenCall("lost", "ECONNRESET", "the connection was lost").toConnectError();
    assert.partialDeepStrictEqual(explainError(lost), { hop: "client", reason: "CALL_RESET" });
    const http1 = new BrokenCall("lost", "ERR_HTTP2_ERROR", "no HTTP/2").toConnectError();
    assert.partialDeepStrictEqual(explainError(http1), { reason: "CONNECTION_FAILED" });
  });
});

describe("printRejection", () => {
  it("prints status, words, hop and fix, and lets nobody steer the terminal", () => {
    const error = new ConnectError("one\ntwo \u001b[31mred", Code.PermissionDenied);
    const rejection = { ...explainError(error), detail: "", fix: "do this" };
    assert.equal(
      printRejection(rejection),
      [
        "PERMISSION_DENIED  one / two \uFFFD[31mred",
        "  hop   server: SERVICE_ERROR",
        "  fix   do this",
      ].join("\n"),
    );
  });
});
