import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ExchangeTable } from "./exchange-table.ts";
import type { H2Exchange } from "./h2-exchange.ts";

describe("ExchangeTable", () => {
  it("has what a Map has, in any order of opening and closing", () => {
    const steps = fc.array(fc.record({ opens: fc.boolean(), nth: fc.nat() }), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (all) => {
        const table = new ExchangeTable();
        const model = new Map<number, H2Exchange>();
        for (const { opens, nth } of all) {
          const ids = [...model.keys()];
          if (opens || ids.length === 0) {
            // Clients may leave ids out.
            for (let skipped = 0; skipped < nth % 3; skipped++) table.nextId();
            const exchange = { id: table.nextId() } as H2Exchange;
            table.add(exchange);
            model.set(exchange.id, exchange);
          } else {
            const id = ids[nth % ids.length] ?? 0;
            table.delete(id);
            table.delete(id);
            model.delete(id);
          }
          assert.equal(table.size, model.size);
        }
        for (let id = 0; id <= table.lastId + 2; id++) assert.equal(table.get(id), model.get(id));
        assert.deepEqual(new Set(table), new Set(model.values()));
      }),
      { numRuns: 200 },
    );
  });

  it("keeps exchanges that stay open beside thousands that do not", () => {
    const table = new ExchangeTable();
    const lasting = [1, 2, 3].map(() => ({ id: table.nextId() }) as H2Exchange);
    for (const exchange of lasting) table.add(exchange);
    for (let nth = 0; nth < 10_000; nth++) {
      const exchange = { id: table.nextId() } as H2Exchange;
      table.add(exchange);
      assert.equal(table.get(exchange.id), exchange);
      table.delete(exchange.id);
    }
    for (const exchange of lasting) assert.equal(table.get(exchange.id), exchange);
    assert.equal(table.size, 3);
  });
});
