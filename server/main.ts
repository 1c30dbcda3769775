import process from "node:process";
import { runServer } from "callpath/server";
import { EchoServer } from "../gen/es/echo/echo_pb.ts";
import { echo } from "./echo.ts";

process.exitCode = await runServer(
  (router, instance) => router.service(EchoServer, echo(instance)),
  { process, nowMs: Date.now },
);
