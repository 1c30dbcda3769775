import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A user's copy of the root half, under git, on this checkout's packages. */
function copyOfTheRoot(): string {
  const folder = mkdtempSync(join(tmpdir(), "callpath-habits-"));
  for (const path of [
    "buf.yaml",
    "buf.gen.yaml",
    "callpath.yaml",
    "package.json",
    "proto",
    "gen",
    "server",
    "client",
    "gateway",
    ".gitignore",
    ".gitattributes",
  ])
    cpSync(path, join(folder, path), { recursive: true });
  for (const path of ["node_modules", "src"]) symlinkSync(resolve(path), join(folder, path));
  writeFileSync(join(folder, ".git-exclude"), "node_modules\nsrc\n.git-exclude\n");
  run(folder, "git", ["init", "-q"]);
  run(folder, "git", ["config", "core.excludesFile", join(folder, ".git-exclude")]);
  run(folder, "git", ["add", "-A"]);
  run(folder, "git", [
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@example.com",
    "commit",
    "-qm",
    "start",
  ]);
  return folder;
}

function run(folder: string, command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const changed = (folder: string) =>
  run(folder, "git", ["status", "--porcelain", "--untracked-files=all"])
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.slice(3))
    .sort();

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

const proto = `syntax = "proto3";

package weather.v1;

// Tells the weather.
service WeatherService {
  // The weather of a town.
  rpc GetWeather(GetWeatherRequest) returns (GetWeatherResponse);
}

message GetWeatherRequest {
  string town = 1;
}

message GetWeatherResponse {
  string sky = 1;
}
`;

const server = `import process from "node:process";
import { runServer } from "callpath/server";
import { EchoServer } from "../gen/es/echo/echo_pb.ts";
import { WeatherService } from "../gen/es/weather/v1/weather_pb.ts";
import { echo } from "./echo.ts";

process.exitCode = await runServer(
  (router, instance) =>
    router
      .service(EchoServer, echo(instance))
      .service(WeatherService, { getWeather: ({ town }) => ({ sky: \`blue over \${town}\` }) }),
  { process, nowMs: Date.now },
);
`;

const client = `import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { WeatherService } from "../gen/es/weather/v1/weather_pb.ts";

const transport = createGrpcTransport({ baseUrl: process.argv[2] });
console.log((await createClient(WeatherService, transport).getWeather({ town: "Rome" })).sky);
process.exit(0);
`;

describe("the three habits, bare", () => {
  it("leave the tree clean when nothing was edited", () => {
    const folder = copyOfTheRoot();
    try {
      run(folder, "npx", ["buf", "generate"]);
      run(folder, "npx", ["buf", "build", "-o", "gen/descriptor.pb"]);
      assert.deepEqual(changed(folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("a second proto file gets its stub, its place in the descriptor, and a served call; nothing else changes", async () => {
    const folder = copyOfTheRoot();
    try {
      mkdirSync(join(folder, "proto/weather/v1"), { recursive: true });
      writeFileSync(join(folder, "proto/weather/v1/weather.proto"), proto);
      run(folder, "npx", ["buf", "generate"]);
      run(folder, "npx", ["buf", "build", "-o", "gen/descriptor.pb"]);
      assert.deepEqual(changed(folder), [
        "gen/descriptor.pb",
        "gen/es/weather/v1/weather_pb.ts",
        "proto/weather/v1/weather.proto",
      ]);
      const image = fromBinary(
        FileDescriptorSetSchema,
        readFileSync(join(folder, "gen/descriptor.pb")),
      );
      assert.equal(
        createFileRegistry(image).getService("weather.v1.WeatherService")?.methods.length,
        1,
      );

      writeFileSync(join(folder, "server/main.ts"), server);
      writeFileSync(join(folder, "client/weather.ts"), client);
      const port = await freePort();
      const served = spawn(
        process.execPath,
        ["server/main.ts", "--grpcport", `127.0.0.1:${port}`, "--useMetadata=false"],
        {
          cwd: folder,
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      try {
        for await (const line of createInterface(served.stdout))
          if (line.includes("listening")) break;
        const said = run(folder, process.execPath, [
          "client/weather.ts",
          `http://127.0.0.1:${port}`,
        ]);
        assert.equal(said, "blue over Rome\n");
      } finally {
        served.kill("SIGTERM");
        const [code] = await once(served, "exit");
        assert.equal(code, 0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
