import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  create,
  createFileRegistry,
  type DescService,
  type FileRegistry,
  fromJson,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { call } from "./call.ts";
import { runProgram } from "./program.ts";
import { fakeWorld } from "./world-fixture.test.ts";

const method = (name: string, clientStreaming: boolean, serverStreaming: boolean) => ({
  name,
  inputType: ".talk.Text",
  outputType: ".talk.Text",
  clientStreaming,
  serverStreaming,
});
const image = create(FileDescriptorSetSchema, {
  file: [
    {
      name: "talk.proto",
      package: "talk",
      syntax: "proto3",
      messageType: [
        {
          name: "Text",
          field: [
            { name: "text", number: 1, type: Type.STRING, label: Label.OPTIONAL, jsonName: "text" },
          ],
        },
      ],
      service: [
        {
          name: "Talker",
          method: [
            method("Say", false, false),
            method("Repeat", false, true),
            method("Join", true, false),
            method("Chat", true, true),
          ],
        },
      ],
    },
  ],
});

const program = { version: "0", commands: [call], laterCommands: [] };

describe("callpath call", () => {
  let folder: string;
  let server: Http2Server;
  let address: string;
  const seen: Headers[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-call-"));
    await writeFile(join(folder, "image.pb"), toBinary(FileDescriptorSetSchema, image));
    const adapter = connectNodeAdapter({
      routes: (router) => talker(router, createFileRegistry(image), seen),
    });
    server = createServer(adapter);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.close();
    await once(server, "close");
    await rm(folder, { recursive: true, force: true });
  });

  async function run(argv: readonly string[], stdin?: string) {
    const world = fakeWorld({ cwd: folder, ...(stdin === undefined ? {} : { stdin }) });
    const all = ["call", ...argv, "--image", "image.pb", "--address", address];
    const code = await runProgram(program, all, world);
    return { code, out: world.out(), err: world.err() };
  }

  for (const [kind, argv, stdin, out] of [
    ["unary", ["talk.Talker/Say", '{"text":"a"}'], undefined, ["a"]],
    ["unary, dotted, without a message", ["talk.Talker.Say"], undefined, [""]],
    ["unary from stdin", ["talk.Talker/Say", "-"], '{"text":"a"}', ["a"]],
    ["server streaming", ["talk.Talker/Repeat", '{"text":"a"}'], undefined, ["a", "a"]],
    [
      "client streaming, an array",
      ["talk.Talker/Join", '[{"text":"a"},{"text":"b"}]'],
      undefined,
      ["ab"],
    ],
    ["client streaming, lines", ["talk.Talker/Join"], '{"text":"a"}\n\n{"text":"b"}\n', ["ab"]],
    ["bidi streaming", ["talk.Talker/Chat", "-"], '{"text":"a"}\n{"text":"b"}\n', ["a", "b"]],
  ] as const)
    it(`calls ${kind}, one JSON message a line`, async () => {
      const result = await run(argv, stdin);
      assert.equal(result.code, 0, result.err);
      const texts = result.out
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { text?: string }).text ?? "");
      assert.deepEqual(texts, out);
    });

  it("sends metadata, a deadline and a trace id", async () => {
    await run(["talk.Talker/Say", "-H", "sal: value1", "-H", "key2:value2", "--timeout", "5s"]);
    const headers = seen.at(-1);
    assert.equal(headers?.get("sal"), "value1");
    assert.equal(headers?.get("key2"), "value2");
    assert.match(headers?.get("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.match(headers?.get("grpc-timeout") ?? "", /^\d+m$/);
    assert.equal(headers?.get("authorization"), null);
  });

  it("answers 1 with gRPC's code and words when the call fails", async () => {
    const { code, out, err } = await run(["talk.Talker/Say", '{"text":"bad"}']);
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(err, /^FAILED_PRECONDITION {2}not that/);
  });

  it("prints what came before a stream failed", async () => {
    const { code, out, err } = await run(["talk.Talker/Chat", '[{"text":"a"},{"text":"bad"}]']);
    assert.equal(code, 1);
    assert.equal(out, '{"text":"a"}\n');
    assert.match(err, /^FAILED_PRECONDITION/);
  });

  for (const [what, argv, stdin, words] of [
    [
      "a service that is not there",
      ["talk.Talkr/Say"],
      undefined,
      /no service talk\.Talkr in image\.pb: it has talk\.Talker\/Say/,
    ],
    ["a method that is not there", ["talk.Talker/Sya"], undefined, /no method Sya/],
    ["what is no method", ["Say"], undefined, /write it as SERVICE\/METHOD/],
    ["what is no JSON", ["talk.Talker/Say", "{text}"], undefined, /the message is no JSON/],
    ["an unknown field", ["talk.Talker/Say", '{"txt":"a"}'], undefined, /"txt".*its fields: text/],
    [
      "a bad line of a stream",
      ["talk.Talker/Join"],
      '{"text":"a"}\n{',
      /line 2 of standard input is no JSON/,
    ],
    ["a header that is none", ["talk.Talker/Say", "-H", "nope"], undefined, /write 'name: value'/],
    [
      "a timeout that is none",
      ["talk.Talker/Say", "--timeout", "5"],
      undefined,
      /write a duration/,
    ],
    [
      "--as for an address that is no dev's",
      ["talk.Talker/Say", "--as", "a@b.c"],
      undefined,
      /for its own addresses only/,
    ],
  ] as const)
    it(`refuses ${what} with exit 2`, async () => {
      const { code, out, err } = await run(argv, stdin);
      assert.equal(code, 2, err);
      assert.equal(out, "");
      assert.match(err, words);
    });

  it("asks for an address and a method where nothing names them", async () => {
    for (const [argv, words] of [
      [["call", "talk.Talker/Say"], /no callpath dev runs here/],
      [["call", "--address", address], /SERVICE\/METHOD is needed/],
      [["call", "talk.Talker/Say", "--address", address], /--image FILE is needed/],
      [["call", "talk.Talker/Say", "--address", "ftp://x"], /--address ftp:\/\/x: write/],
    ] as const) {
      const world = fakeWorld({ cwd: folder });
      assert.equal(await runProgram(program, argv, world), 2);
      assert.match(world.err(), words);
    }
  });
});

/** Echoes; `bad` is refused. */
function talker(router: ConnectRouter, registry: FileRegistry, seen: Headers[]): void {
  const service = registry.getService("talk.Talker");
  const text = registry.getMessage("talk.Text");
  if (service === undefined || text === undefined) throw new Error("the image lacks talk.Talker");
  const read = (message: Message) => (toJson(text, message) as { text?: string }).text ?? "";
  const reply = (value: string) => {
    if (value === "bad") throw new ConnectError("not that", Code.FailedPrecondition);
    return fromJson(text, { text: value });
  };
  const implementation: object = {
    say(message: Message, context: HandlerContext) {
      seen.push(context.requestHeader);
      return reply(read(message));
    },
    async *repeat(message: Message) {
      yield reply(read(message));
      yield reply(read(message));
    },
    async join(messages: AsyncIterable<Message>) {
      let joined = "";
      for await (const message of messages) joined += read(message);
      return reply(joined);
    },
    async *chat(messages: AsyncIterable<Message>) {
      for await (const message of messages) yield reply(read(message));
    },
  };
  router.service(service, implementation as ServiceImpl<DescService>);
}
