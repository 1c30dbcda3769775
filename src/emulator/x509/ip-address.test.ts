import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ipAddressBytes } from "./ip-address.ts";

describe("ipAddressBytes", () => {
  for (const [text, expected] of [
    ["127.0.0.1", "7f000001"],
    ["255.255.255.255", "ffffffff"],
    ["::", "0".repeat(32)],
    ["::1", `${"0".repeat(31)}1`],
    ["[::1]", `${"0".repeat(31)}1`],
    ["2001:db8::", `20010db8${"0".repeat(24)}`],
    ["2001:DB8::8:800:200C:417A", "20010db80000000000080800200c417a"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["1:0:0:2::3", "00010000000000020000000000000003"],
  ] as const) {
    it(`reads ${text}`, () => {
      assert.equal(Buffer.from(ipAddressBytes(text) ?? []).toString("hex"), expected);
    });
  }

  for (const text of [
    "",
    "localhost",
    "127.1",
    "1.2.3.4.5",
    "256.0.0.1",
    "fe80::1%eth0",
    "1::2::3",
    "127.0.0.1:80",
    "[127.0.0.1]",
  ]) {
    it(`takes ${JSON.stringify(text)} for no address`, () => {
      assert.equal(ipAddressBytes(text), undefined);
    });
  }
});
