import { callerOf } from "../caller-tokens.ts";
import { type Context, DONE, FailedError, UsageError } from "../command.ts";
import { runningDevOf } from "../dev/running-dev.ts";
import { stateFolder } from "../project-file.ts";
import type { TokenFlags } from "../token.ts";

/** One token to stdout: to a pipe or a file, to a terminal only with --show. */
export async function mintToken(context: Context<TokenFlags>): Promise<number> {
  const { flags, cwd, stdout, signal } = context;
  if (stdout.isTerminal && !flags.show)
    throw new UsageError(
      "whoever sees the token can use it for an hour: pipe it into a program or a file, or say --show",
    );
  const dev = await runningDevOf(stateFolder(flags.state, cwd));
  const audience = flags.audience ?? dev?.facts.audience;
  if (audience === undefined) throw new UsageError("--audience AUD is needed");
  const { name, source } = await callerOf(flags, dev, cwd);
  const token = await source(audience, signal).catch((cause: Error) => {
    if (signal.aborted) throw cause;
    throw new FailedError(cause.message, { cause });
  });
  if (flags.json)
    context.print(
      JSON.stringify({
        token: token.value,
        expiresAt: new Date(token.expiresAtMs).toISOString(),
        audience,
        caller: name,
      }),
    );
  else context.print(token.value);
  return DONE;
}
