import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstValue } from "../http2/head.ts";
import { escapeGrpcMessage, isGrpcType, writeAnswer } from "./answers.ts";

const field = (name: string, value: string) => ({ name, value, sensitive: false });

describe("answers of the gateway itself", () => {
  it("ER-2: gRPC gets one head, status 200, the whole JSON as grpc-message", () => {
    const answer = { httpStatus: 401, grpcStatus: 16, message: "Jwt is missing" };
    const { head, body } = writeAnswer(answer, true, field);
    assert.equal(body, undefined);
    assert.equal(firstValue(head, ":status"), "200");
    assert.equal(firstValue(head, "grpc-status"), "16");
    assert.equal(firstValue(head, "grpc-message"), '{"code":401,"message":"Jwt is missing"}');
  });

  it("ER-1: others get the HTTP status, JSON and a newline; JV-6: the challenge in both forms", () => {
    const answer = {
      httpStatus: 403,
      grpcStatus: 7,
      message: "Audiences in Jwt are not allowed",
      wwwAuthenticate: 'Bearer realm="x"',
    };
    const { head, body } = writeAnswer(answer, false, field);
    assert.equal(firstValue(head, ":status"), "403");
    assert.equal(firstValue(head, "content-type"), "application/json");
    assert.equal(
      Buffer.from(body ?? []).toString(),
      '{"code":403,"message":"Audiences in Jwt are not allowed"}\n',
    );
    assert.equal(firstValue(head, "www-authenticate"), 'Bearer realm="x"');
    assert.equal(
      firstValue(writeAnswer(answer, true, field).head, "www-authenticate"),
      'Bearer realm="x"',
    );
  });

  it("ER-2: only application/grpc and application/grpc+… are gRPC", () => {
    assert.deepEqual(
      [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/json",
      ].map(isGrpcType),
      [true, true, false, false],
    );
  });

  it("escapes a status message as little as gRPC asks", () => {
    assert.equal(escapeGrpcMessage("a/b: c, 100%\nü~"), "a/b: c, 100%25%0A%C3%BC~");
  });
});
