import assert from "node:assert/strict";
import { attacks } from "./attacks.ts";
import { audience, type SoakWorld } from "./soak-world.ts";

/** Something that happens beside the load. */
export interface SoakTurn {
  readonly name: string;
  run(): Promise<void> | void;
}

/** Attacks, and between them what an operator and a service do, for ever. */
export function* soakTurns(world: SoakWorld): Generator<SoakTurn, never> {
  const { gateway, backends, keys, nowMs } = world;
  const attacked = { url: gateway.url, audience, keys, nowMs };
  const [first, second] = backends;
  let reloads = 0;
  const reload = {
    name: "a new config",
    async run() {
      assert.equal(await gateway.reload(world.config(20 + (++reloads % 10))), "new");
    },
  };
  const operations: readonly SoakTurn[] = [
    reload,
    { name: "one service restarts", run: () => first.restart() },
    reload,
    { name: "the other service restarts", run: () => second.restart() },
    {
      name: "a broken config",
      async run() {
        assert.equal(await gateway.reload("apis: ["), "old");
      },
    },
    { name: "one service is killed", run: () => first.kill() },
    reload,
    { name: "the other service is killed", run: () => second.kill() },
  ];
  for (let turn = 0; ; turn++) {
    const attack = attacks[turn % attacks.length];
    const operation = operations[turn % operations.length];
    if (attack !== undefined) yield { name: attack.name, run: () => attack.run(attacked) };
    if (operation !== undefined) yield operation;
  }
}
