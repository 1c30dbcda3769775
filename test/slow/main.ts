/**
 * `npm run test:slow`: every slow suite, a minute of the soak among them. `-- --soak [MINUTES]`: the soak alone, for 20
 * minutes unless told otherwise. `-- FILE…`: those suites.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/** Of one file. */
const TIMEOUT_MS = 600_000;
const SOAK_MINUTES = 20;

const args = process.argv.slice(2);
process.exitCode = args[0] === "--soak" ? soak(args[1]) : run(args, TIMEOUT_MS, {});

function soak(text = `${SOAK_MINUTES}`): number {
  const minutes = Number(text);
  if (!(minutes > 0)) {
    console.error(`--soak ${text}: write a number of minutes`);
    return 2;
  }
  const env = { SOAK_MINUTES: `${minutes}` };
  return run(["test/slow/soak/soak.slow.ts"], minutes * 60_000 + TIMEOUT_MS, env);
}

function run(files: readonly string[], timeoutMs: number, env: Record<string, string>): number {
  const chosen = files.length === 0 ? ["**/*.slow.ts"] : files;
  const { status } = spawnSync(
    process.execPath,
    ["--test", `--test-timeout=${timeoutMs}`, ...chosen],
    { stdio: "inherit", env: { ...process.env, ...env } },
  );
  return status ?? 1;
}
