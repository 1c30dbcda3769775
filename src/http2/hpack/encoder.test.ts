import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { pairs } from "../../../test/http2/recorder.ts";
import type { Field, Head } from "../head.ts";
import { Decoder } from "./decoder.ts";
import { asHpackFields, Encoder } from "./encoder.ts";
import { fieldToSend } from "./hpack-field.ts";

const limits = { headerBytes: 1 << 20, headerFields: 1000 };

describe("Encoder", () => {
  it("is read back field by field, through insertions, evictions and changed limits", () => {
    const name = fc.constantFrom(
      ":path",
      "content-type",
      "x-a",
      "authorization",
      "te",
      "user-agent",
    );
    const value = fc.oneof(
      fc.constantFrom("trailers", "/a", "v".repeat(600), "w".repeat(1500)),
      fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((c) => String.fromCharCode(c)) }),
    );
    const pool = fc.array(
      fc.record({ name, value, sensitive: fc.boolean(), keep: fc.boolean(), plain: fc.boolean() }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(
        pool,
        fc.array(
          fc.record({
            picks: fc.array(fc.nat(), { maxLength: 12 }),
            limit: fc.option(fc.constantFrom(0, 100, 1000, 4096, 65536), { freq: 6 }),
          }),
          { maxLength: 30 },
        ),
        (candidates, blocks) => {
          const fields = candidates.map(
            ({ plain, ...field }): Field =>
              plain ? field : fieldToSend(field.name, field.value, field),
          );
          const encoder = new Encoder();
          const decoder = new Decoder(limits);
          for (const { picks, limit } of blocks) {
            if (limit !== null) encoder.limit(limit);
            const head = picks.flatMap((pick) => fields[pick % fields.length] ?? []);
            const read = roundTrip(encoder, decoder, head);
            assert.deepEqual(pairs(read), pairs(head));
            assert.deepEqual(
              read.map(({ sensitive }) => sensitive),
              head.map(({ sensitive }) => sensitive),
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("sends a kept field as one octet from its third use on", () => {
    const encoder = new Encoder();
    const token = fieldToSend("authorization", `Bearer ${"t".repeat(700)}`, { keep: true });
    const sizes = [1, 2, 3, 4].map(() => size(encoder, [token]));
    assert.ok((sizes[0] ?? 0) > 700 && (sizes[1] ?? 0) > 700);
    assert.deepEqual(sizes.slice(2), [1, 1]);
  });

  it("sends a rotated token as one octet again, the hundredth as the first", () => {
    const encoder = new Encoder();
    for (let rotation = 0; rotation < 100; rotation++) {
      const token = fieldToSend("authorization", `Bearer ${rotation}${"t".repeat(700)}`, {
        keep: true,
      });
      size(encoder, [token]);
      size(encoder, [token]);
      assert.equal(size(encoder, [token]), 1);
    }
  });

  it("lets no crowd of other kept values push out one that comes with every call", () => {
    const encoder = new Encoder();
    const own = fieldToSend("authorization", "o".repeat(700), { keep: true });
    const crowd = Array.from({ length: 50 }, (_, at) =>
      fieldToSend("x-forwarded-authorization", `${at}${"c".repeat(700)}`, { keep: true }),
    );
    const alone = size(new Encoder(), [crowd[0] ?? own]);
    for (let round = 0; round < 20; round++) {
      for (const other of crowd) {
        const both = size(encoder, [own, other]);
        if (round > 0) assert.ok(both <= alone + 2, `${both} octets in round ${round}`);
      }
    }
  });

  it("never indexes a sensitive field", () => {
    const encoder = new Encoder();
    const secret = fieldToSend("authorization", "s3cret", { keep: true, sensitive: true });
    for (let use = 0; use < 4; use++) {
      const out = Buffer.alloc(100);
      encoder.encode([secret], out, 0);
      assert.equal((out[0] ?? 0) & 0xf0, 0x10);
    }
  });

  it("refuses what no header may look like", () => {
    for (const [name, value] of [
      ["X-A", "1"],
      ["a b", "1"],
      ["", "1"],
      ["connection", "close"],
      ["x", "a\r\nb: c"],
      ["x", "a\u010a"],
      ["x", "\0"],
    ] as const) {
      assert.throws(() => fieldToSend(name, value), TypeError);
      assert.throws(() => asHpackFields([{ name, value, sensitive: false }]), TypeError);
    }
  });
});

function roundTrip(encoder: Encoder, decoder: Decoder, head: Head): Head {
  const fields = asHpackFields(head);
  const out = Buffer.alloc(encoder.room(fields));
  const end = encoder.encode(fields, out, 0);
  assert.ok(end <= out.length);
  return decoder.decode(out, 0, end).fields;
}

function size(encoder: Encoder, head: Head): number {
  const fields = asHpackFields(head);
  return encoder.encode(fields, Buffer.alloc(encoder.room(fields)), 0);
}
