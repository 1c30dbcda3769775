import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { Instance } from "callpath/server";
import {
  type InventoryService,
  type Item,
  ItemKind,
  ItemSchema,
} from "../gen/es/acme/inventory/v1/inventory_service_pb.ts";

const countedAt = timestampFromDate(new Date(Date.UTC(2026, 0, 1)));
const stock: readonly Item[] = [
  create(ItemSchema, { sku: "hammer", kind: ItemKind.TOOL, quantity: 3n, countedAt }),
  create(ItemSchema, { sku: "saw", kind: ItemKind.TOOL, quantity: 1n, countedAt }),
  create(ItemSchema, { sku: "nail", kind: ItemKind.PART, quantity: 9007199254740993n, countedAt }),
];

/** A warehouse that never changes, and says who answered. */
export function inventory(answeredBy: Instance): ServiceImpl<typeof InventoryService> {
  return {
    getItem({ sku }, context) {
      context.responseHeader.set("inventory-header", "val");
      context.responseTrailer.set("inventory-trailer", "val");
      const item = find(sku);
      if (item === undefined) throw new ConnectError(`no item ${sku}`, Code.NotFound);
      return { item, answeredBy };
    },
    async *listItems({ kind }, context) {
      context.responseHeader.set("inventory-header", "val");
      context.responseTrailer.set("inventory-trailer", "val");
      for (const item of stock)
        if (kind === ItemKind.UNSPECIFIED || item.kind === kind) yield { item, answeredBy };
    },
    async addItems(requests) {
      let messages = 0;
      let quantity = 0n;
      for await (const { item } of requests) {
        messages++;
        quantity += item?.quantity ?? 0n;
      }
      return { messages, quantity, answeredBy };
    },
    async *trackItems(requests) {
      for await (const { sku } of requests) {
        const item = find(sku);
        yield item === undefined
          ? { answer: { case: "missingSku", value: sku }, answeredBy }
          : { answer: { case: "item", value: item }, answeredBy };
      }
    },
  };
}

function find(sku: string): Item | undefined {
  return stock.find((item) => item.sku === sku);
}
