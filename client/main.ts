import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { runClient } from "callpath/client";
import { EchoServer } from "../gen/es/echo/echo_pb.ts";

process.exitCode = await runClient(
  async ({ transport, count, print, receive, printMetadata }) => {
    const echo = createClient(EchoServer, transport);
    const options = { headers: { sal: "value1", key2: "value2" }, ...receive };

    for (let i = 0; i < count; i++) {
      const { message } = await echo.sayHello({ name: "unary RPC msg " }, options);
      print(`RPC ${i}  ${message}`);
      printMetadata();
    }

    for await (const { message } of echo.sayHelloStream({ name: "Stream RPC msg" }, options))
      print(`stream ${message}`);
    printMetadata();
  },
  { process, nowMs: Date.now },
);
