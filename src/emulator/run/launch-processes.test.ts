import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import type { Launched } from "./launch.ts";
import { launchProcesses } from "./launch-processes.ts";
import type { RevisionSpec } from "./read-revision.ts";

const spec: RevisionSpec = {
  service: "echo",
  serviceName: "projects/p/locations/us-central1/services/echo",
  revision: "echo-00001-abc",
  command: "",
  workingDir: "",
  env: {},
  serviceAccount: "",
  minInstances: 0,
  maxInstances: 1,
  concurrency: 80,
  timeoutMs: 300_000,
  startupMs: 240_000,
};

interface Started extends Launched {
  /** Resolves with the first line that matches. */
  line(pattern: RegExp): Promise<string>;
  readonly lines: readonly string[];
}

/** Run a command; all lines of it are kept. */
function run(
  launcher: ReturnType<typeof launchProcesses>,
  command: string,
  more: Partial<RevisionSpec> = {},
): Started {
  const lines: string[] = [];
  const waiting: { readonly pattern: RegExp; readonly resolve: (line: string) => void }[] = [];
  const launched = launcher.launch({
    revision: { ...spec, command, ...more },
    instanceId: "0123456789abcdef",
    port: 1,
    env: { PORT: "1", K_REVISION: "echo-00001-abc" },
    onLine(stream, text) {
      const line = `${stream}: ${text}`;
      lines.push(line);
      for (const one of waiting) if (one.pattern.test(line)) one.resolve(line);
    },
  });
  return {
    ...launched,
    lines,
    line(pattern) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const seen = lines.find((line) => pattern.test(line));
      if (seen === undefined) waiting.push({ pattern, resolve });
      else resolve(seen);
      return promise;
    },
  };
}

/** The dead that nobody has reaped are not running. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

const node = (program: string): string => `node -e '${program}'`;

describe("launchProcesses", () => {
  it("runs the command by a shell, with the environment it was given and this Node", async () => {
    using launcher = launchProcesses({ ...process.env, OUTER: "yes" });
    const one = run(
      launcher,
      `echo "$PORT $K_REVISION $OUTER"; ${node("console.error(process.version)")}`,
    );
    assert.equal(await one.exited, "exit code 0");
    assert.deepEqual(one.lines, ["stdout: 1 echo-00001-abc yes", `stderr: ${process.version}`]);
  });

  it("passes on no credentials of the user that a container would not have", async () => {
    using launcher = launchProcesses({
      ...process.env,
      GOOGLE_APPLICATION_CREDENTIALS: "/home/me/key.json",
    });
    const one = run(launcher, 'echo "[$GOOGLE_APPLICATION_CREDENTIALS]"');
    await one.exited;
    assert.deepEqual(one.lines, ["stdout: []"]);
  });

  it("says how a command ended that ended by itself", async () => {
    using launcher = launchProcesses(process.env);
    assert.equal(await run(launcher, "exit 7").exited, "exit code 7");
    assert.equal(await run(launcher, "kill -9 $$").exited, "signal SIGKILL");
    assert.match(await run(launcher, "").exited, /command is empty/);
  });

  it("runs in the folder it was told, and says so when there is none", async () => {
    using launcher = launchProcesses(process.env);
    const dir = await mkdtemp(join(tmpdir(), "callpath-"));
    try {
      const here = run(launcher, "pwd -P", { workingDir: dir });
      await here.exited;
      assert.ok(here.lines[0]?.endsWith(dir));
      const nowhere = join(dir, "missing");
      assert.match(
        await run(launcher, "pwd", { workingDir: nowhere }).exited,
        /not started in .*missing \(does the folder exist\?\)/,
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("lets a program finish after SIGTERM, also below a shell that dies of it", async () => {
    using launcher = launchProcesses(process.env);
    const slow =
      'process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(); }, 100)); setInterval(() => {}, 1e6); console.log("up")';
    const one = run(launcher, `${node(slow)}; echo after`);
    await one.line(/up/);
    await one.stop(10_000);
    assert.deepEqual(one.lines, ["stdout: up", "stdout: finished"]);
  });

  it("kills the whole group when the grace has passed", async () => {
    using launcher = launchProcesses(process.env);
    const deaf =
      'process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1e6); console.log("up " + process.pid)';
    const one = run(launcher, `${node(deaf)}; echo after`);
    const pid = Number((await one.line(/up/)).split(" ").at(-1));
    await one.stop(50);
    assert.equal(isRunning(pid), false);
  });

  it("leaves nothing behind that a command started beside itself", async () => {
    using launcher = launchProcesses(process.env);
    const one = run(
      launcher,
      `${node('console.log("side " + process.pid); setInterval(() => {}, 1e6)')} & sleep 0.3; exit 3`,
    );
    const pid = Number((await one.line(/side/)).split(" ").at(-1));
    assert.equal(isRunning(pid), true);
    assert.equal(await one.exited, "exit code 3");
    assert.equal(isRunning(pid), false);
  });

  it("is stopped twice, and after its end, without harm", async () => {
    using launcher = launchProcesses(process.env);
    const one = run(launcher, "sleep 100");
    await Promise.all([one.stop(5_000), one.stop(5_000)]);
    await one.stop(5_000);
    assert.equal(await one.exited, "signal SIGTERM");
  });
});
