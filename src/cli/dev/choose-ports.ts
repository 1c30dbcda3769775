import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { InputError } from "../command.ts";

/** Where the gateway and Cloud Run will listen: known before anything runs, since each must be told of the other. */
export interface ChosenPorts {
  /** First of five ports, gateway and Cloud Run at their head; undefined: the usual two, and any for the rest. */
  readonly base: number | undefined;
  readonly run: number;
  /** Why it is not what a reader expects; undefined when it is. */
  readonly note: string | undefined;
}

const USUAL = { gateway: 8443, run: 8444 } as const;
const PORTS = 5;
/** How often five free ports in a row are looked for. */
const TRIES = 50;

/** @param asked `--port-base`; 0: any. Throws InputError when an asked port is in use. */
export async function choosePorts(asked: number | undefined): Promise<ChosenPorts> {
  if (asked !== undefined && asked !== 0) {
    for (let port = asked; port < asked + PORTS; port++)
      if (!(await isFree(port)))
        throw new InputError(
          `port ${port} is in use by another program; end it, or choose another --port-base`,
        );
    return { base: asked, run: asked + 1, note: undefined };
  }
  if (asked === undefined) {
    const taken = (await isFree(USUAL.gateway)) ? USUAL.run : USUAL.gateway;
    if (taken === USUAL.run && (await isFree(USUAL.run)))
      return { base: undefined, run: USUAL.run, note: undefined };
    const base = await freeRow();
    const note = `port ${taken} is in use by another program: the gateway is at ${base} this time (--port-base N chooses)`;
    return { base, run: base + 1, note };
  }
  const base = await freeRow();
  return { base, run: base + 1, note: undefined };
}

async function freeRow(): Promise<number> {
  for (let n = 0; n < TRIES; n++) {
    const base = await anyFree();
    const row = Array.from({ length: PORTS - 1 }, (_, i) => isFree(base + 1 + i));
    if (base + PORTS <= 65_535 && !(await Promise.all(row)).includes(false)) return base;
  }
  throw new InputError(
    "no five free ports in a row on this machine; choose some with --port-base N",
  );
}

async function anyFree(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  await close(server);
  return true;
}

async function close(server: ReturnType<typeof createServer>): Promise<void> {
  server.close();
  await once(server, "close");
}
