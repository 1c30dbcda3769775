import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Command, FailedError, InputError, UsageError } from "./command.ts";
import { type Program, runProgram } from "./program.ts";
import { fakeWorld } from "./world-fixture.test.ts";

const greetFlags = {
  name: { type: "string", value: "NAME", summary: "whom to greet" },
  header: {
    type: "string",
    value: "'name: value'",
    summary: "metadata",
    short: "H",
    multiple: true,
  },
  json: { type: "boolean", summary: "JSON only" },
} as const;

const greet: Command<typeof greetFlags> = {
  name: "greet",
  summary: "Say hello",
  operands: "[WORD]",
  maxOperands: 1,
  flags: greetFlags,
  laterFlags: ["workers"],
  async run({ flags, operands, print, signal }) {
    if (flags.name === "usage") throw new UsageError("--name usage: write another");
    if (flags.name === "input") throw new InputError("input.yaml: no such file");
    if (flags.name === "failed") throw new FailedError("the RPC failed");
    if (flags.name === "hang")
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    print(JSON.stringify({ ...flags, operands }));
    return 0;
  },
};

const serve: Command = {
  name: "serve",
  summary: "Serve",
  operands: "",
  maxOperands: 0,
  flags: {},
  longRunning: true,
  async run({ signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return 0;
  },
};

const program: Program = { version: "1.2.3", commands: [greet, serve], laterCommands: ["deploy"] };

async function run(...argv: string[]) {
  const world = fakeWorld();
  const code = await runProgram(program, argv, world);
  return { code, out: world.out(), err: world.err() };
}

describe("runProgram", () => {
  it("runs a command with its flags and operands", async () => {
    const { code, out } = await run("greet", "--name", "Ada", "-H", "a: b", "--header=c: d", "hi");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), {
      name: "Ada",
      header: ["a: b", "c: d"],
      json: false,
      operands: ["hi"],
    });
  });

  it("shows help of the program and of a command on stdout, without what is not there yet", async () => {
    const whole = await run("--help");
    assert.equal(whole.code, 0);
    assert.match(whole.out, /greet +Say hello/);
    assert.doesNotMatch(whole.out, /deploy/);
    const one = await run("greet", "--help");
    assert.equal(one.code, 0);
    assert.match(one.out, /^usage: callpath greet \[WORD\]/);
    assert.match(one.out, /-H, --header 'name: value' +metadata/);
    assert.doesNotMatch(one.out, /workers/);
    assert.equal(one.err, "");
  });

  for (const [what, argv, words] of [
    ["no command", [], /usage: callpath COMMAND/],
    ["an unknown command", ["gret"], /unknown command gret\n.*usage: callpath COMMAND/s],
    ["an unknown flag of the program", ["--nope"], /unknown flag --nope\n.*usage/s],
    ["an unknown flag", ["greet", "--nope", "1"], /unknown flag --nope\nusage: callpath greet/],
    ["a flag without its value", ["greet", "--name"], /--name needs a value\nusage/],
    [
      "a flag that eats a flag",
      ["greet", "--name", "--json"],
      /--name needs a value; .*--name=-VALUE/,
    ],
    ["a value for a boolean", ["greet", "--json=1"], /--json does not take a value\nusage/],
    ["too many operands", ["greet", "a", "b"], /unexpected argument b\nusage/],
    ["a usage error of the command", ["greet", "--name", "usage"], /write another\nusage/],
    [
      "unusable input",
      ["greet", "--name", "input"],
      /^callpath greet: input.yaml: no such file\n$/,
    ],
    ["a command that comes later", ["deploy", "--x"], /^callpath deploy: not available yet\n$/],
    ["a flag that comes later", ["greet", "--workers", "4"], /--workers is not available yet/],
    ["a flag that comes later, joined", ["greet", "--workers=4"], /--workers is not available yet/],
  ] as const) {
    it(`refuses ${what} on stderr with exit 2`, async () => {
      const { code, out, err } = await run(...argv);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.match(err, words);
    });
  }

  it("ends with 1 when the answer is no", async () => {
    const { code, err } = await run("greet", "--name", "failed");
    assert.equal(code, 1);
    assert.equal(err, "callpath greet: the RPC failed\n");
  });

  it("ends an interrupted command with 130, and a long-running one with its own code", async () => {
    for (const [argv, wanted] of [
      [["greet", "--name", "hang"], 130],
      [["serve"], 0],
    ] as const) {
      const world = fakeWorld();
      const running = runProgram(program, argv, world);
      world.interrupt();
      assert.equal(await running, wanted);
    }
  });

  it("lets a bug through", async () => {
    const broken: Command = { ...serve, run: () => Promise.reject(new TypeError("oops")) };
    const bug = runProgram({ ...program, commands: [broken] }, ["serve"], fakeWorld());
    await assert.rejects(bug, TypeError);
  });
});
