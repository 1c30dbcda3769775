import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { openPair, type Pair } from "../../test/http2/pair.ts";
import { headOf, pairs, requestHead, type Seen } from "../../test/http2/recorder.ts";
import { Connection } from "./connection.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import type { Engine } from "./exchange.ts";
import type { Field } from "./head.ts";
import { nodeEngine } from "./node-engine.ts";

const OK = headOf([":status", "200"]);
const DONE = headOf(["grpc-status", "0"]);

/** One step of a life, on the nth exchange (of those there are). */
type Step =
  | { readonly kind: "call"; readonly ends: boolean }
  | {
      readonly kind: "data";
      readonly side: "client" | "server";
      readonly nth: number;
      readonly bytes: number;
      readonly ends: boolean;
    }
  | {
      readonly kind: "trailers" | "reset" | "release";
      readonly side: "client" | "server";
      readonly nth: number;
    }
  | { readonly kind: "answer"; readonly nth: number; readonly ends: boolean }
  | { readonly kind: "turn" };

const side = fc.constantFrom("client" as const, "server" as const);
const nth = fc.nat({ max: 5 });
const calls = fc.record({ kind: fc.constant("call" as const), ends: fc.boolean() });
const data = fc.record({
  kind: fc.constant("data" as const),
  side,
  nth,
  bytes: fc.constantFrom(0, 1, 47, 49, 5000, 16_384, 16_385, 70_000, 300_000),
  ends: fc.boolean(),
});
const answers = fc.record({ kind: fc.constant("answer" as const), nth, ends: fc.boolean() });
const turns = fc.constant({ kind: "turn" as const });
const releases = fc.record({ kind: fc.constant("release" as const), side, nth });
const trailers = fc.record({ kind: fc.constant("trailers" as const), side, nth });
const resets = fc.record({ kind: fc.constant("reset" as const), side, nth });
const lives = fc.array(
  fc.oneof(
    { arbitrary: calls, weight: 3 },
    { arbitrary: answers, weight: 3 },
    { arbitrary: data, weight: 6 },
    { arbitrary: releases, weight: 3 },
    { arbitrary: trailers, weight: 2 },
    { arbitrary: resets, weight: 1 },
    { arbitrary: turns, weight: 5 },
  ),
  { maxLength: 60 },
);

describe("any order of events", () => {
  for (const [server, client] of [
    [callpathEngine, callpathEngine],
    [callpathEngine, nodeEngine],
    [nodeEngine, callpathEngine],
  ] as const) {
    it(`${client.name} calls ${server.name}: every exchange ends once, nothing is held, windows are whole again`, async () => {
      await fc.assert(
        fc.asyncProperty(lives, (steps) => live({ server, client }, steps)),
        { numRuns: 25, endOnFailure: true },
      );
    });
  }
});

async function live(
  engines: { readonly server: Engine; readonly client: Engine },
  steps: readonly Step[],
): Promise<void> {
  await using pair = await openPair(engines, { reads: false }, { client: { reads: false } });
  const callers: Seen[] = [];
  for (const step of steps) {
    if (step.kind === "turn") await nextTurn();
    else if (step.kind === "call") {
      if (pair.client.capacity > 0) callers.push(pair.call(requestHead(), step.ends).seen);
    } else {
      const isServer = step.kind === "answer" || step.side === "server";
      act(step, (isServer ? pair.callee.all : callers)[step.nth]);
    }
  }
  await atRest(pair, callers);
}

function act(step: Exclude<Step, { kind: "turn" | "call" }>, seen: Seen | undefined): void {
  const { exchange } = seen ?? {};
  if (seen === undefined || exchange === undefined || seen.wasReset) return;
  switch (step.kind) {
    case "answer":
      exchange.head(step.ends ? [...OK, ...DONE] : OK, step.ends);
      return;
    case "data":
      exchange.data(Buffer.alloc(step.bytes), step.ends);
      return;
    case "trailers":
      exchange.head(DONE, true);
      return;
    case "release":
      exchange.release(seen.held);
      seen.held = 0;
      return;
    default:
      seen.reset(ErrorCodes.CANCEL);
  }
}

/** Cancels what is not over, then nothing may be open, held or missing on either side. */
async function atRest(pair: Pair, callers: readonly Seen[]): Promise<void> {
  for (const seen of callers)
    if (seen.code === undefined && !seen.wasReset) seen.reset(ErrorCodes.CANCEL);
  while (pair.server.open > 0 || pair.client.open > 0) await nextTurn();
  // A last exchange passes behind all that was on its way.
  const last = pair.call(requestHead(["x-last", "1"]), true);
  let served = 0;
  for (;;) {
    const { heads, exchange } = await pair.callee.nth(served++);
    if (heads[0]?.some((field) => field.name === "x-last") !== true) continue;
    exchange?.head([...OK, ...DONE], true);
    break;
  }
  assert.equal(await last.seen.closed(), 0);
  for (const each of pair.callee.all) if (!each.wasReset) await each.closed();
  const { client, server } = pair;
  if (!(client instanceof Connection) || !(server instanceof Connection)) return;
  for (const [sender, receiver] of [
    [client, server],
    [server, client],
  ] as const) {
    const { sessionWindow } = receiver.limits;
    assert.equal(receiver.receive.held, 0);
    assert.equal(receiver.receive.window + receiver.receive.owed, sessionWindow);
    assert.equal(sender.send.window + receiver.receive.owed, sessionWindow);
  }
}

describe("HPACK against node:http2", () => {
  const name = fc.constantFrom(
    "x-a",
    "x-b",
    "authorization",
    "user-agent",
    "k-bin",
    "grpc-timeout",
  );
  const text = fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 200,
  });
  const value = fc.oneof(fc.constantFrom("a", "v".repeat(700), "w".repeat(3000)), text);
  const heads = fc.array(
    fc.record({
      metadata: fc.array(fc.tuple(name, value), { maxLength: 8 }),
      sensitive: fc.boolean(),
      keep: fc.boolean(),
      refuse: fc.boolean(),
    }),
    { minLength: 1, maxLength: 20 },
  );

  for (const [server, client] of [
    [callpathEngine, nodeEngine],
    [nodeEngine, callpathEngine],
  ] as const) {
    it(`${client.name} sends, ${server.name} reads: sequences of blocks with refusals in between, byte for byte`, async () => {
      await fc.assert(
        fc.asyncProperty(heads, async (blocks) => {
          await using pair = await openPair(engines(server, client), {
            onHead: (exchange, head) => {
              if (head.some(({ name: each }) => each === "x-refuse")) {
                exchange.own.reset(ErrorCodes.REFUSED_STREAM);
              } else exchange.head([...OK, ...metadataOf(head)], true);
            },
          });
          const fields = new Map<string, Field>();
          const all = blocks.map(({ metadata, sensitive, keep, refuse }) => {
            const sent = metadata.map(([each, is]) => {
              const key = `${each} ${is} ${sensitive} ${keep}`;
              const field = fields.get(key) ?? client.field(each, is, { sensitive, keep });
              fields.set(key, field);
              return field;
            });
            const marks = refuse ? headOf(["x-refuse", "1"]) : [];
            return {
              refuse,
              sent,
              seen: pair.call([...requestHead(), ...sent, ...marks], true).seen,
            };
          });
          for (const [at, { refuse, sent, seen }] of all.entries()) {
            assert.equal(await seen.closed(), refuse ? ErrorCodes.REFUSED_STREAM : 0);
            const callee = await pair.callee.nth(at);
            // The order between different names is node:http2's own.
            assert.deepEqual(byName(metadataOf(callee.heads[0] ?? [])), byName(sent));
            if (!refuse) assert.deepEqual(byName(metadataOf(seen.heads[0] ?? [])), byName(sent));
          }
        }),
        { numRuns: 25, endOnFailure: true },
      );
    });
  }

  function engines(server: Engine, client: Engine) {
    return { server, client };
  }

  function metadataOf(head: readonly Field[]): Field[] {
    return head.filter(({ name: each }) =>
      /^(x-[ab]|authorization|user-agent|k-bin|grpc-timeout)$/.test(each),
    );
  }

  function byName(head: readonly Field[]): [string, string][] {
    return pairs(head).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
});
