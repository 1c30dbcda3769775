import process from "node:process";
import { runServer } from "callpath/server";
import { InventoryService } from "../gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { inventory } from "./inventory.ts";

process.exitCode = await runServer(
  (router, instance) => router.service(InventoryService, inventory(instance)),
  { process, nowMs: Date.now },
);
