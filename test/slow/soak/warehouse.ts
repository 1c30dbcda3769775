import { setTimeout as wait } from "node:timers/promises";
import type { ServiceImpl } from "@connectrpc/connect";
import type { InventoryService } from "../../other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";

/** Messages of a stream, and the pause between two of them: long enough that restarts and reloads fall into streams. */
export const STREAM_MESSAGES = 20;
const PAUSE_MS = 10;

/** A warehouse that has everything: what is asked for comes back. */
export const warehouse: ServiceImpl<typeof InventoryService> = {
  getItem: ({ sku }) => ({ item: { sku } }),
  async *listItems() {
    for (let nth = 0; nth < STREAM_MESSAGES; nth++) {
      yield { item: { sku: `item ${nth}` } };
      await wait(PAUSE_MS);
    }
  },
  async addItems(requests) {
    let messages = 0;
    for await (const _ of requests) messages++;
    return { messages };
  },
  async *trackItems(requests) {
    for await (const { sku } of requests) yield { answer: { case: "item", value: { sku } } };
  },
};
