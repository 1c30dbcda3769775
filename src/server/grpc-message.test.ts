import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { escapeGrpcMessage, lessEscaped, MAX_MESSAGE_BYTES } from "./grpc-message.ts";

describe("escapeGrpcMessage", () => {
  for (const [text, escaped] of [
    ['projects/p/locations/l: {"code":404} a?b#c@d&e=f+$,;\'', undefined],
    ["100% sure", "100%25 sure"],
    ["größer", "gr%C3%B6%C3%9Fer"],
    ["two\nlines\ttab", "two%0Alines%09tab"],
    ["\u{1f600}", "%F0%9F%98%80"],
    [" both ends ", "%20both ends%20"],
    ["lone \ud800", "lone %EF%BF%BD"],
    ["\x7f", "%7F"],
    ["", undefined],
    [" ", "%20"],
  ] as const)
    it(`${JSON.stringify(text)} goes out as ${escaped ?? "it is"}`, () => {
      assert.equal(escapeGrpcMessage(text), escaped ?? text);
      assert.equal(decodeURIComponent(escapeGrpcMessage(text)), text.toWellFormed());
    });

  it("cuts a message before it bursts the peer's header limit, never inside an escape", () => {
    for (const text of ["x".repeat(100_000), "ö".repeat(100_000)]) {
      const escaped = escapeGrpcMessage(text);
      assert.ok(escaped.length <= MAX_MESSAGE_BYTES, `${escaped.length}`);
      assert.ok(escaped.length > MAX_MESSAGE_BYTES - 6);
      assert.ok(text.startsWith(decodeURIComponent(escaped)));
    }
  });
});

describe("lessEscaped", () => {
  it("takes back what encodeURIComponent did too much", () => {
    const text = 'projects/p: "50 %", größer';
    assert.equal(lessEscaped(encodeURIComponent(text)), escapeGrpcMessage(text));
  });
  it("leaves alone what is not escaped that way", () => {
    assert.equal(lessEscaped("50 % of it"), "50 % of it");
  });
});
