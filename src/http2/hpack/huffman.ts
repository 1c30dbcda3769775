import { HpackError } from "./hpack-error.ts";
import { HUFFMAN_BITS } from "./huffman-table.ts";

/** Codes of up to so many bits, which is all that occurs in ordinary headers, are found in one look. */
const LOOK_BITS = 10;
const LONGEST_BITS = 30;
const EOS = 256;

/** By the next LOOK_BITS bits: bits of the code << 8 | byte; 0: a longer code. */
const BY_LOOK = new Uint16Array(1 << LOOK_BITS);
/** By code length: the first code, how many there are, and where their bytes stand in SYMBOLS. */
const FIRST = new Uint32Array(LONGEST_BITS + 1);
const COUNT = new Uint16Array(LONGEST_BITS + 1);
const START = new Uint16Array(LONGEST_BITS + 1);
const SYMBOLS: number[] = [];
fillTables();

let scratch = Buffer.allocUnsafeSlow(16 * 1024);

/**
 * The string whose Huffman code is `source[at..end)`, one latin1 character a byte (RFC 7541, 5.2). Throws an HpackError
 * for a code that is none, EOS, or padding that is not the seven or fewer ones it must be.
 */
export function huffmanDecode(source: Uint8Array, at: number, end: number): string {
  const longest = Math.ceil(((end - at) * 8) / 5);
  if (longest > scratch.length) scratch = Buffer.allocUnsafeSlow(longest * 2);
  const out = scratch;
  let length = 0;
  /** The `bits` lowest bits are not decoded yet. */
  let pending = 0;
  let bits = 0;
  for (;;) {
    while (bits <= 16 && at < end) {
      pending = (pending << 8) | (source[at++] ?? 0);
      bits += 8;
    }
    if (bits < LOOK_BITS) {
      const missing = LOOK_BITS - bits;
      const look = BY_LOOK[(pending << missing) | ((1 << missing) - 1)] ?? 0;
      const codeBits = look >>> 8;
      if (codeBits === 0 || codeBits > bits) break;
      out[length++] = look & 255;
      bits -= codeBits;
    } else {
      const look = BY_LOOK[pending >>> (bits - LOOK_BITS)] ?? 0;
      if (look === 0) {
        // Rare: bit by bit, as the accumulator may not hold all of the code.
        let code = 0;
        let codeBits = 0;
        let nth = -1;
        do {
          if (bits === 0) {
            if (at === end) throw new HpackError("a Huffman code is cut off");
            pending = source[at++] ?? 0;
            bits = 8;
          }
          bits--;
          code = code * 2 + ((pending >>> bits) & 1);
          codeBits++;
          nth = code - (FIRST[codeBits] ?? 0);
        } while (codeBits <= LOOK_BITS || nth < 0 || nth >= (COUNT[codeBits] ?? 0));
        const symbol = SYMBOLS[(START[codeBits] ?? 0) + nth] ?? EOS;
        if (symbol === EOS) throw new HpackError("EOS in a Huffman string");
        out[length++] = symbol;
      } else {
        out[length++] = look & 255;
        bits -= look >>> 8;
      }
    }
    pending &= (1 << bits) - 1;
  }
  if (bits > 7 || pending !== (1 << bits) - 1) {
    throw new HpackError("a Huffman string is padded with other than up to seven ones");
  }
  return out.toString("latin1", 0, length);
}

function fillTables(): void {
  let code = 0;
  for (let bits = 1; bits <= LONGEST_BITS; bits++) {
    code *= 2;
    FIRST[bits] = code;
    START[bits] = SYMBOLS.length;
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (HUFFMAN_BITS[symbol] !== bits) continue;
      SYMBOLS.push(symbol);
      if (bits <= LOOK_BITS) {
        const from = code << (LOOK_BITS - bits);
        BY_LOOK.fill((bits << 8) | symbol, from, from + (1 << (LOOK_BITS - bits)));
      }
      code++;
    }
    COUNT[bits] = code - (FIRST[bits] ?? 0);
  }
}
