import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { runClient } from "callpath/client";
import { InventoryService } from "../gen/es/acme/inventory/v1/inventory_service_pb.ts";

process.exitCode = await runClient(
  async ({ transport, count, print, receive, printMetadata }) => {
    const inventory = createClient(InventoryService, transport);
    const options = { headers: { sal: "value1", key2: "value2" }, ...receive };

    for (let i = 0; i < count; i++) {
      const { item, answeredBy } = await inventory.getItem({ sku: "hammer" }, options);
      print(`RPC ${i}  ${item?.sku} ${item?.quantity} from instanceID ${answeredBy?.instanceId}`);
      printMetadata();
    }
    for await (const { item, answeredBy } of inventory.listItems({}, options))
      print(`list ${item?.sku} from instanceID ${answeredBy?.instanceId}`);
    const added = await inventory.addItems(items(["hammer", "saw"]), options);
    print(`added ${added.messages} from instanceID ${added.answeredBy?.instanceId}`);
    for await (const { answer, answeredBy } of inventory.trackItems(skus(["saw", "gold"]), options))
      print(`track ${answer.case} from instanceID ${answeredBy?.instanceId}`);
  },
  { process, nowMs: Date.now },
);

async function* items(names: readonly string[]) {
  for (const sku of names) yield { item: { sku, quantity: 1n } };
}

async function* skus(names: readonly string[]) {
  for (const sku of names) yield { sku };
}
