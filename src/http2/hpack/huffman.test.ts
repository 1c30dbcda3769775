import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { huffmanDecode } from "./huffman.ts";
import { HUFFMAN_BITS } from "./huffman-table.ts";

describe("huffmanDecode", () => {
  it("reads what the code of appendix B writes, for every string of bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const coded = encode(bytes);
        assert.equal(huffmanDecode(coded, 0, coded.length), Buffer.from(bytes).toString("latin1"));
      }),
      { numRuns: 300 },
    );
  });

  it("never reads or writes out of bounds, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          const text = huffmanDecode(bytes, 0, bytes.length);
          assert.deepEqual(encode(Buffer.from(text, "latin1")), Buffer.from(bytes));
        } catch (error) {
          assert.equal((error as Error).name, "HpackError");
        }
      }),
      { numRuns: 1000 },
    );
  });
});

/** The codes follow from their lengths; written here as bits, to be compared with nothing of the decoder. */
function encode(bytes: Uint8Array): Buffer {
  const codes: string[] = [];
  let code = 0n;
  for (let bits = 1; bits <= 30; bits++) {
    code *= 2n;
    for (const [symbol, length] of HUFFMAN_BITS.entries()) {
      if (length !== bits) continue;
      codes[symbol] = code.toString(2).padStart(bits, "0");
      code++;
    }
  }
  const bits = [...bytes].map((byte) => codes[byte]).join("");
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
