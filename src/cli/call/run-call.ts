import { resolve } from "node:path";
import { type DescMethod, type FileRegistry, type Message, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { IdToken } from "../../auth/token-source.ts";
import type { CallFlags } from "../call.ts";
import { callerOf } from "../caller-tokens.ts";
import { type Context, DONE, REFUSED, UsageError } from "../command.ts";
import { runningDevOf } from "../dev/running-dev.ts";
import { parseDuration } from "../parse-duration.ts";
import { type FoundProject, findProject, readBytes, shownPath } from "../project.ts";
import { stateFolder } from "../project-file.ts";
import { callHeaders } from "./call-headers.ts";
import { type CallTarget, callTarget } from "./call-target.ts";
import { connect } from "./connect.ts";
import { findMethod, printMethod, readImage } from "./find-method.ts";
import { invoke } from "./invoke.ts";
import { readMessages } from "./read-messages.ts";
import { tellFailure } from "./tell-failure.ts";

/** One RPC: replies to stdout, one JSON message a line; a failure to stderr, hop by hop, and 1. */
export async function runCall(context: Context<CallFlags>): Promise<number> {
  const { flags, cwd, stdin, signal } = context;
  const found = findProject(cwd);
  const running = await runningDevOf(stateFolder(flags.state, cwd));
  const target = callTarget(context, running);
  const { method, registry, json } = chooseMethod(context, found, running?.facts.image);
  const timeoutMs =
    flags.timeout === undefined ? undefined : parseDuration("timeout", flags.timeout);
  const { error: mintError, token } = await mint(context, target);
  const { headers, traceId } = callHeaders(flags.header, token?.value);
  try {
    if (mintError !== undefined) throw mintError;
    using connection = connect(target, context.nowMs);
    await invoke({
      transport: connection.transport,
      method,
      messages: readMessages(method, registry, { json, stdin }),
      headers,
      timeoutMs,
      signal,
      onMessage: (message) => context.print(printMessage(method, registry, message)),
    });
    return DONE;
  } catch (error) {
    const isAnswer =
      error instanceof ConnectError || (mintError !== undefined && error === mintError);
    if (signal.aborted || !isAnswer || !(error instanceof Error)) throw error;
    await tellFailure(context, { error, method, target, token, traceId, json });
    return REFUSED;
  }
}

function printMessage(method: DescMethod, registry: FileRegistry, message: Message): string {
  return JSON.stringify(toJson(method.output, message, { registry }));
}

/** By operand; a bare call, and the message of the same method, by callpath.yaml. */
function chooseMethod(
  { flags, operands, cwd }: Context<CallFlags>,
  found: FoundProject | undefined,
  devImage: string | undefined,
): { method: DescMethod; registry: FileRegistry; json: string | undefined } {
  const usual = found?.project.call;
  const [name = usual?.method, json] = operands;
  if (name === undefined)
    throw new UsageError("SERVICE/METHOD is needed: no callpath.yaml here or above names a call");
  const inProject = found?.project.image;
  const image =
    flags.image !== undefined
      ? resolve(cwd, flags.image)
      : found !== undefined && inProject !== undefined
        ? resolve(found.folder, inProject)
        : devImage;
  if (image === undefined)
    throw new UsageError("--image FILE is needed: no callpath.yaml here or above names one");
  const imageFile = shownPath(image, cwd);
  const registry = readImage(imageFile, readBytes(image, cwd));
  const method = findMethod(registry, name, imageFile);
  const usualJson =
    usual !== undefined && usual.method === printMethod(method)
      ? JSON.stringify(usual.message)
      : undefined;
  return { method, registry, json: json ?? usualJson };
}

/** The caller's token, before anything is sent, so that a failing mint is told as that. */
async function mint(
  { flags, cwd, signal }: Context<CallFlags>,
  { audience, dev }: CallTarget,
): Promise<{ token?: IdToken; error?: Error }> {
  const hasOwn = flags.header.some((entry) => /^authorization\s*:/i.test(entry));
  if (audience === undefined || hasOwn) return {};
  const { source } = await callerOf(flags, dev, cwd);
  try {
    return { token: await source(audience, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}
