import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FieldMemory } from "./field-memory.ts";
import { headerName } from "./header-name.ts";
import { HpackField } from "./hpack-field.ts";

const name = headerName("authorization");

/** One literal as it comes: found, or decoded anew and noted. */
function meet(memory: FieldMemory, value: string): HpackField {
  const bytes = Buffer.from(value, "latin1");
  const found = memory.find(name.name, false, bytes, 0, bytes.length);
  if (found !== undefined) return found;
  const field = new HpackField(name, value, false, false);
  memory.remember(field, bytes, 0, bytes.length);
  return field;
}

describe("FieldMemory", () => {
  it("gives the same field from the third time on, and only for the same bytes and name", () => {
    const memory = new FieldMemory();
    meet(memory, "Bearer abc");
    const second = meet(memory, "Bearer abc");
    assert.equal(meet(memory, "Bearer abc"), second);
    assert.equal(meet(memory, "Bearer abd").value, "Bearer abd");
    const bytes = Buffer.from("Bearer abc");
    assert.equal(memory.find("x-other", false, bytes, 0, bytes.length), undefined);
    assert.equal(memory.find(name.name, true, bytes, 0, bytes.length), undefined);
  });

  it("keeps several literals that come in turn, whatever they are", () => {
    // Two that shared a place would be decoded on every call for as long as the connection lives.
    for (let round = 0; round < 300; round++) {
      const memory = new FieldMemory();
      const values = ["a", "b", "c"].map((part) => `/service-${round}/${part}${round * 7919}`);
      for (let call = 0; call < 4; call++) for (const value of values) meet(memory, value);
      for (const value of values) assert.equal(meet(memory, value), meet(memory, value), value);
    }
  });

  it("keeps what repeats beside what never does", () => {
    const memory = new FieldMemory();
    let changing = 0;
    for (let call = 0; call < 20; call++) {
      meet(memory, "Bearer the same");
      for (let other = 0; other < 3; other++) meet(memory, `19999${changing++}u`);
    }
    assert.equal(meet(memory, "Bearer the same"), meet(memory, "Bearer the same"));
  });

  it("remembers no more than 8 KiB of a connection", () => {
    const memory = new FieldMemory();
    const long = Array.from({ length: 9 }, (_, nth) => `${nth}`.repeat(1000));
    for (let call = 0; call < 3; call++) for (const value of long) meet(memory, value);
    const isKept = (value: string) => {
      const first = meet(memory, value);
      return meet(memory, value) === first;
    };
    const kept = long.filter(isKept);
    assert.ok(kept.length > 0 && kept.length <= 8, `${kept.length} of a thousand bytes each`);
  });
});
