import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  bitString,
  boolean,
  contextConstructed,
  contextPrimitive,
  type Der,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from "./der.ts";

const hex = (der: Der): string => Buffer.from(der).toString("hex");

/** Read one value back, strictly. */
function read(der: Uint8Array): { tag: number; content: Uint8Array } {
  const [tag = -1, first = -1] = der;
  const count = first < 0x80 ? 0 : first & 0x7f;
  const length =
    count === 0 ? first : der.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  assert.equal(der.length, 2 + count + length, "nothing follows, nothing is missing");
  assert.ok(count === 0 || (length >= 0x80 && der[2] !== 0), "the shortest form of the length");
  return { tag, content: der.subarray(2 + count) };
}

describe("DER (X.690)", () => {
  for (const [what, der, expected] of [
    ["an empty SEQUENCE", sequence(), "3000"],
    ["a SEQUENCE of two", sequence(nullValue(), boolean(true)), "300505000101ff"],
    ["a SET", setOf(nullValue()), "31020500"],
    ["FALSE", boolean(false), "010100"],
    ["zero", unsignedInteger(Uint8Array.of()), "020100"],
    ["zero with leading zeros", unsignedInteger(Uint8Array.of(0, 0)), "020100"],
    ["127", unsignedInteger(Uint8Array.of(0, 127)), "02017f"],
    ["128, kept positive", unsignedInteger(Uint8Array.of(128)), "02020080"],
    ["an arc above 127", objectIdentifier("1.2.840.113549.1.1.11"), "06092a864886f70d01010b"],
    ["an arc of zero", objectIdentifier("2.5.29.0"), "0603551d00"],
    ["UTF-8", utf8String("ü"), "0c02c3bc"],
    ["an OCTET STRING", octetString(Uint8Array.of(1, 2)), "04020102"],
    ["a BIT STRING of 7 bits", bitString(Uint8Array.of(0x06), 1), "03020106"],
    ["[3] around a value", contextConstructed(3, nullValue()), "a3020500"],
    ["[2] in a value's place", contextPrimitive(2, Uint8Array.of(9)), "820109"],
    ["UTCTime", time(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), `170d${ascii("260102030405Z")}`],
    [
      "UTCTime's last second",
      time(Date.UTC(2049, 11, 31, 23, 59, 59)),
      `170d${ascii("491231235959Z")}`,
    ],
    ["GeneralizedTime", time(Date.UTC(2050, 0, 1)), `180f${ascii("20500101000000Z")}`],
    [
      "GeneralizedTime before 1950",
      time(Date.UTC(1949, 11, 31)),
      `180f${ascii("19491231000000Z")}`,
    ],
  ] as const) {
    it(`writes ${what}`, () => assert.equal(hex(der), expected));
  }

  it("refuses what is no object identifier and no time", () => {
    for (const bad of ["", "1", "1.x", "1.-2", "1.2.3.4e30"]) {
      assert.throws(() => objectIdentifier(bad), /not an object identifier/);
    }
    assert.throws(() => time(Number.NaN));
    assert.throws(() => time(Date.UTC(10_000, 0, 1)), /cannot name this time/);
  });

  it("writes every length in its shortest form", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 20_000_000]) {
      assert.equal(read(octetString(new Uint8Array(length))).content.length, length);
    }
  });

  it("writes integers that read back as the same number (any bytes)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const { tag, content } = read(unsignedInteger(bytes));
        assert.equal(tag, 2);
        assert.ok((content[0] ?? 0) < 0x80, "not negative");
        assert.ok(
          content.length === 1 || content[0] !== 0 || (content[1] ?? 0) >= 0x80,
          "shortest",
        );
        const number = (of: Uint8Array) => BigInt(`0x0${Buffer.from(of).toString("hex")}`);
        assert.equal(number(content), number(bytes));
      }),
      { numRuns: 200 },
    );
  });
});

function ascii(text: string): string {
  return Buffer.from(text).toString("hex");
}
