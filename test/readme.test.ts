import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { commands } from "../src/cli/commands.ts";
import { copyOfTheRoot } from "../src/cli/dev-fixture.test.ts";
import { freshMachine, type RunningProgram, startCallpath } from "./whole-path/program.ts";

const root = resolve(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** Single commands of the steps that CI takes on a clean clone. */
const ofCi = [
  ...readFileSync(join(root, ".ci/run"), "utf8").matchAll(/^step \d+ (['"])(.*)\1$/gm),
].flatMap(([, , command = ""]) => command.split(" && "));

/** What the README tells its reader to type: blocks of sh, and words in code that begin with a program of npm. */
const told = new Set([
  ...[...readme.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  ),
  ...[...readme.matchAll(/`((?:npm|npx) [^`]+)`/g)].map(([, command = ""]) => command),
]);
const npmCommands = [...told].filter((command) => command.startsWith("npm "));
const calls = [...told].filter((command) => command.startsWith("npx callpath call "));
const bufs = [...told].filter((command) => command.startsWith("npx buf "));
/** `npx callpath dev`: named, for its `--help` to say more. */
const named = [...told].filter((command) => /^npx callpath [a-z]+$/.test(command));

describe("README.md", () => {
  it("tells nothing that is not run, by CI or here", () => {
    const run = new Set([...npmCommands, ...calls, ...bufs, ...named]);
    assert.deepEqual(
      [...told].filter((command) => !run.has(command)),
      [],
    );
    for (const some of [npmCommands, calls, bufs, named]) assert.ok(some.length > 1);
  });

  for (const command of npmCommands)
    it(`${command}: CI runs it`, () => {
      for (const single of command.split(" && ")) {
        // What CI runs has an end.
        const isRun = ofCi.includes(single) || ofCi.includes(`${single} -- --once`);
        assert.ok(isRun, `${single} is none of: ${ofCi.join(", ")}`);
      }
    });

  for (const command of named)
    it(`${command}: there is such a command`, () => {
      const name = command.split(" ").at(-1);
      assert.ok(commands.some((each) => each.name === name));
    });

  it("every file it names is there", () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
    const rows = [...readme.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path),
    );
    const paths = [...links, ...rows.filter((path) => !/^np[mx] /.test(path))];
    assert.ok(links.length > 2 && rows.length > 5);
    assert.deepEqual(
      paths.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  describe("typed in a user's folder while dev runs there", () => {
    const copy = copyOfTheRoot();
    const machine = freshMachine();
    let dev: RunningProgram;
    before(async () => {
      const args = ["dev", "--json", "--port-base", "0", "--instances", "1"];
      dev = startCallpath(args, { cwd: copy.folder, env: machine.env });
      await dev.out.line(/"ready"/);
    });
    after(async () => {
      await dev[Symbol.asyncDispose]();
      copy[Symbol.dispose]();
      machine[Symbol.dispose]();
    });

    for (const command of calls)
      it(`${command}: refused, and the hop that refused is said`, async () => {
        const { code, err } = await type(command, copy.folder);
        assert.equal(code, 1, err);
        assert.match(err, /^ {2}client -> .*\b(gateway|cloud run|server) x\b/m);
        assert.match(err, /^ {2}fix {3}/m);
      });

    for (const command of bufs)
      it(`${command}: makes what is there already`, async () => {
        const image = readFileSync(join(copy.folder, "gen/descriptor.pb"));
        const { code, err } = await type(command, copy.folder);
        assert.equal(code, 0, err);
        assert.deepEqual(readFileSync(join(copy.folder, "gen/descriptor.pb")), image);
      });
  });
});

function type(command: string, cwd: string): Promise<{ code: number; err: string }> {
  return new Promise((done) => {
    const child = execFile("sh", ["-c", command], { cwd }, (_, _out, err) =>
      done({ code: child.exitCode ?? -1, err }),
    );
  });
}
