import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { freshMachine, startCallpath } from "./program.ts";
import { echoService, inventoryService, type TestedService } from "./services.ts";

const hex = "[0-9a-f]{16,}";

interface FirstCalls extends TestedService {
  readonly replies: readonly string[];
  readonly metadata: Readonly<Record<string, number>>;
  readonly outcomes: readonly string[];
}

/** What the client of each project prints: every reply, in its order, and the metadata of each call. */
const projects: readonly FirstCalls[] = [
  {
    ...echoService,
    replies: [
      ...Array.from(
        { length: 10 },
        (_, n) =>
          `RPC ${n}  Hello unary RPC msg   from K_REVISION apiserver-grpc-00001-[a-z]{3} from instanceID ${hex}`,
      ),
      `stream Msg1 Stream RPC msg from instanceID ${hex}`,
      `stream Msg2 Stream RPC msg from instanceID ${hex}`,
    ],
    metadata: {
      "rpcheaderkey: val": 10,
      "rpctrailerkey: val": 10,
      "streamheaderkey: val": 1,
      "streamtrailerkey: val": 1,
    },
    outcomes: ["10 SayHello OK", "1 SayHelloStream OK", "3 instances"],
  },
  {
    ...inventoryService,
    replies: [
      ...Array.from({ length: 10 }, (_, n) => `RPC ${n}  hammer 3 from instanceID ${hex}`),
      ...["hammer", "saw", "nail"].map((sku) => `list ${sku} from instanceID ${hex}`),
      `added 2 from instanceID ${hex}`,
      `track item from instanceID ${hex}`,
      `track missingSku from instanceID ${hex}`,
    ],
    metadata: { "inventory-header: val": 10, "inventory-trailer: val": 10 },
    outcomes: [
      "10 GetItem OK",
      "1 ListItems OK",
      "1 AddItems OK",
      "1 TrackItems OK",
      "3 instances",
    ],
  },
];

describe("callpath dev --once on a fresh machine: empty home, no account, no network", {
  concurrency: true,
}, () => {
  for (const { folder, typeName, name, replies, metadata, outcomes } of projects)
    it(`${typeName}: every call is answered, by three instances over one channel; every reply is printed; exit 0`, async () => {
      using machine = freshMachine();
      await using dev = startCallpath(
        ["dev", "--once", "--port-base", "0", "--state", machine.state],
        { cwd: folder, env: machine.env },
      );
      assert.equal(await dev.ended, 0, dev.err.lines.join("\n"));
      assert.deepEqual(dev.err.lines, []);
      const { lines } = dev.out;
      assertLines(lines.slice(0, 8), [
        `callpath dev   ${typeName}   everything below runs on this machine`,
        "",
        "  client       gateway-client-sa +ID token for grpcs://grpc-gateway-1",
        "  gateway      https://localhost:\\d+ +gateway/api_config.yaml",
        `  cloud run    https://localhost:\\d+ +${name}-00001-[a-z]{3}; run.invoker: gateway-sa only`,
        "  instances    3 x node server/main.ts",
        "  files        \\S+/ca.pem, \\S+/gateway-client-sa.json \\(for programs of your own\\)",
        "",
      ]);
      const isMetadata = (line: string) => /^ +(header|trailer) /.test(line);
      const said = lines.slice(8).filter((line) => !isMetadata(line));
      assertLines(said, [...replies.map((reply) => `  ${reply}`), "  \\.\\.\\. .*"]);
      const last = said.at(-1) ?? "";
      for (const outcome of outcomes) assert.ok(last.includes(outcome), last);
      for (const [pair, times] of Object.entries(metadata))
        assert.equal(lines.filter((line) => isMetadata(line) && line.includes(pair)).length, times);
      const unary = lines.flatMap((line) => /RPC \d .*instanceID (\w+)/.exec(line)?.[1] ?? []);
      assert.equal(unary.length, 10);
      assert.equal(new Set(unary).size, 3);
      assert.equal(machine.left(), "");
      assert.deepEqual(readdirSync(machine.home), []);
      assert.deepEqual(readdirSync(machine.temporary), []);
    });
});

function assertLines(lines: readonly string[], wanted: readonly string[]): void {
  for (const [n, line] of lines.entries())
    assert.match(line, new RegExp(`^${wanted[n] ?? "nothing more"}$`), `line ${n + 1}`);
  assert.equal(lines.length, wanted.length);
}
