import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { Context } from "../command.ts";
import { jsonLines } from "../json-lines.ts";
import { callLine } from "./call-line.ts";
import type { DevAddresses } from "./dev-state.ts";
import type { FirstCalls } from "./first-calls.ts";
import type { FirstScreenFacts, HintFacts } from "./first-screen.ts";
import { firstScreen, hints } from "./first-screen.ts";
import type { JoinedCall } from "./joined-call.ts";
import { LineBudget } from "./line-budget.ts";

/** What `callpath dev` tells whoever started it: a person, or with --json a program. */
export interface DevOutput extends Disposable {
  ready(addresses: DevAddresses, screen: FirstScreenFacts): void;
  /** One line of the client that makes the first calls. */
  clientLine(line: string): void;
  firstCalls(calls: FirstCalls, folded: number): void;
  hints(facts: HintFacts): void;
  call(call: JoinedCall): void;
  /** What happened to what runs: a save, a crash, a warning. */
  say(line: string): void;
}

export function devOutput(
  context: Pick<Context, "print" | "note" | "stdout">,
  json: boolean,
): DevOutput {
  return json ? jsonOutput(context) : humanOutput(context);
}

function humanOutput({ print }: Pick<Context, "print">): DevOutput {
  const lines = new LineBudget((line) => print(`  ${line}`));
  return {
    ready(_, screen) {
      for (const line of firstScreen(screen)) print(line);
      print("");
    },
    clientLine: (line) => print(`  ${line}`),
    firstCalls(calls, folded) {
      if (calls.count === 0) return;
      const more = folded > 0 ? [`${folded} more replies`] : [];
      const who = calls.instances === "" ? [] : [calls.instances];
      print(`  ...    ${[...more, `in all ${calls.outcomes}`, ...who].join("    ")}`);
    },
    hints(facts) {
      print("");
      for (const line of hints(facts)) print(line);
      print("");
    },
    call: (call) => lines.print(callLine(call)),
    say(text) {
      for (const line of text.split("\n")) print(`  ${line}`);
    },
    [Symbol.dispose]: () => lines[Symbol.dispose](),
  };
}

function jsonOutput({ note, stdout }: Pick<Context, "note" | "stdout">): DevOutput {
  const lines = jsonLines(stdout);
  return {
    ready: ({ gateway, run, issuer, metadata, controlPlane, console, ca, clientKey }) =>
      lines.write({
        event: "ready",
        gateway,
        run,
        issuer,
        metadata,
        controlPlane,
        console,
        ca,
        clientKey,
      }),
    clientLine: (line) => lines.write({ event: "client", line }),
    firstCalls: ({ count, allSucceeded, answeredBy }) =>
      lines.write({
        event: "first-calls",
        rpcs: count,
        succeeded: allSucceeded,
        instances: answeredBy,
      }),
    hints() {},
    call: ({ traceId, events }) =>
      lines.write({ event: "call", traceId: traceId ?? null, hops: events.map(hopOf) }),
    say: note,
    [Symbol.dispose]: () => lines[Symbol.dispose](),
  };
}

function hopOf({ traceId: _, ...event }: TrafficEvent): object {
  return event;
}
