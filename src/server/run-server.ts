import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ConnectRouter } from "@connectrpc/connect";
import { createIdTokenVerifier, type IdTokenVerifier } from "../auth/verify-id-token.ts";
import { type AccessFile, AccessFileError, openAccessFile } from "./access-file.ts";
import type { LogEntry, Severity } from "./call-log.ts";
import { createGuard, type Guard } from "./guard.ts";
import { type Instance, readMetadata } from "./instance.ts";
import { parseServerFlags, type ServerFlags, serverUsage } from "./server-flags.ts";
import { methodsOf, type ServerOptions, startServer } from "./start-server.ts";

/** The parts of `process` that a server program needs. */
export interface ServerProcess {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  on(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  off(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown;
}

export interface RunServerOptions
  extends Pick<
    ServerOptions,
    "protocols" | "interceptors" | "maxMessageBytes" | "maxStreams" | "maxCallMs" | "drainMs"
  > {
  readonly process: ServerProcess;
  readonly nowMs: () => number;
}

/**
 * A whole server program: the walkthrough's flags, PORT and K_REVISION, who is calling and who may, JSON logs on stdout,
 * drain on SIGTERM and SIGINT; a second signal ends it at once. Resolves to the exit code: 0 done, 1 could not
 * run, 2 wrong usage or an access file that cannot be used.
 */
export async function runServer(
  routes: (router: ConnectRouter, instance: Instance) => unknown,
  options: RunServerOptions,
): Promise<number> {
  const { process } = options;
  const flags = parseServerFlags(process.argv.slice(2), process.env.PORT);
  if ("usageFault" in flags) {
    process.stderr.write(`${flags.usageFault}\n\n${serverUsage}`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(serverUsage);
    return 0;
  }
  const started: Disposable[] = [];
  try {
    return await serve(routes, flags, options, started);
  } catch (error) {
    if (!(error instanceof StartFault || error instanceof AccessFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof StartFault ? error.exitCode : 2;
  } finally {
    for (const one of started) one[Symbol.dispose]();
  }
}

/** Why the server cannot start: one line for stderr. */
class StartFault extends Error {
  override readonly name = "StartFault";
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string, cause: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

async function serve(
  routes: (router: ConnectRouter, instance: Instance) => unknown,
  flags: ServerFlags,
  options: RunServerOptions,
  started: Disposable[],
): Promise<number> {
  const { process, nowMs, ...limits } = options;
  const { env } = process;
  const log = (entry: LogEntry): void => void process.stdout.write(`${JSON.stringify(entry)}\n`);
  const say = (severity: Severity, message: string, more: object = {}): void =>
    log({ severity, message, time: new Date(nowMs()).toISOString(), ...more });

  const tls = readTls(flags);
  // Which methods there are does not depend on the instance.
  const methods = methodsOf((router) => routes(router, { revision: "", instanceId: "" }));
  if (flags.accessFile !== undefined) {
    // A mistake in it is said before anybody waits for a metadata server, which may know the project.
    const values = { PROJECT_ID: "project", ...defined(env) };
    openAccessFile({ file: flags.accessFile, methods, values })[Symbol.dispose]();
  }
  const { instance, projectId } = await readInstance(flags, env);
  const values = { ...(projectId === undefined ? {} : { PROJECT_ID: projectId }), ...defined(env) };
  const access =
    flags.accessFile === undefined
      ? undefined
      : openAccessFile({
          file: flags.accessFile,
          methods,
          values,
          onReload: (severity, message) =>
            severity === "ERROR" ? process.stderr.write(`${message}\n`) : say(severity, message),
        });
  if (access !== undefined) started.push(access);
  const guard = openGuard(flags, access, nowMs, started);
  for (const message of warningsOf(flags)) say("WARNING", message);

  const server = await startServer({
    ...limits,
    routes: (router) => routes(router, instance),
    host: flags.host,
    port: flags.port,
    tls,
    guard,
    nowMs,
    log,
    projectId,
    ...instance,
  }).catch((error: NodeJS.ErrnoException) => {
    throw new StartFault(1, listenFault(error, flags), error);
  });
  say("INFO", "listening", { url: server.url.origin });
  await signalled(process);
  say("INFO", "stopping: no new calls, those in flight end first");
  await server[Symbol.asyncDispose]();
  return 0;
}

function openGuard(
  flags: ServerFlags,
  access: AccessFile | undefined,
  nowMs: () => number,
  started: Disposable[],
): Guard | undefined {
  if (access === undefined && !flags.validateToken) return undefined;
  const { targetAudience, gatewayAudience, gatewayAccount, trustPlatform, jwksUrl, caFile } = flags;
  const ca = caFile === undefined ? undefined : [readPem(caFile, "--ca")];
  const verifier: IdTokenVerifier = createIdTokenVerifier({ jwksUrl, ca, nowMs });
  started.push(verifier);
  return createGuard({
    principal: {
      targetAudience,
      gatewayAudience,
      gatewayAccount,
      trustPlatform,
      ignoreForwarded: access === undefined && gatewayAudience === undefined,
      verifier,
    },
    ...(access === undefined ? {} : { rules: () => access.rules }),
  });
}

function warningsOf(flags: ServerFlags): readonly string[] {
  const { accessFile, validateToken, targetAudience, gatewayAudience } = flags;
  if (accessFile === undefined && !validateToken)
    return [
      "everybody may call everything: start with --access FILE or --validateToken to ask who calls",
    ];
  if (targetAudience === undefined && gatewayAudience === undefined)
    return [
      "every token is refused: neither --targetAudience nor --gatewayAudience says what to accept",
    ];
  return [];
}

async function readInstance(
  flags: ServerFlags,
  env: ServerProcess["env"],
): Promise<{ readonly instance: Instance; readonly projectId: string | undefined }> {
  const revision = env.K_REVISION ?? "local";
  const named = env.GOOGLE_CLOUD_PROJECT || undefined;
  if (!flags.useMetadata)
    return { instance: { revision, instanceId: randomBytes(8).toString("hex") }, projectId: named };
  const host = env.GCE_METADATA_HOST || undefined;
  const instanceId = await readMetadata("instance/id", host).catch((cause: Error) => {
    const fix =
      "Outside Google Cloud start with --useMetadata=false, or name one in GCE_METADATA_HOST=HOST:PORT";
    throw new StartFault(1, `Failed to get instanceID: ${cause.message}\n${fix}`, cause);
  });
  const projectId =
    named ?? (await readMetadata("project/project-id", host).catch(() => undefined));
  return { instance: { revision, instanceId }, projectId };
}

function readTls({
  tls,
}: ServerFlags): { readonly cert: string; readonly key: string } | undefined {
  if (tls === undefined) return undefined;
  return { cert: readPem(tls.certFile, "--cert"), key: readPem(tls.keyFile, "--key") };
}

function readPem(file: string, flag: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.includes("-----BEGIN ")) return text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartFault(2, `${flag} ${file} cannot be read: ${why}`, cause);
  }
  throw new StartFault(2, `${flag} ${file} holds no PEM block`, undefined);
}

function listenFault(error: NodeJS.ErrnoException, { host, port }: ServerFlags): string {
  const where = `${host}:${port}`;
  if (error.code === "EADDRINUSE")
    return `${where} is in use by another program: choose another port with --grpcport or PORT`;
  return `cannot listen on ${where}: ${error.message}`;
}

function defined(env: ServerProcess["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The first SIGTERM or SIGINT; the next one has its usual effect. */
function signalled(process: ServerProcess): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      process.off("SIGTERM", done);
      process.off("SIGINT", done);
      resolve();
    };
    process.on("SIGTERM", done);
    process.on("SIGINT", done);
  });
}
