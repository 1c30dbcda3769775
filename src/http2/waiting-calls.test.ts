import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaitingCalls } from "./waiting-calls.ts";

interface Call {
  readonly name: string;
  readonly from: object | undefined;
}

const [loud, quiet, third] = [{}, {}, {}];
const calls = (from: object | undefined, ...names: string[]): Call[] =>
  names.map((name) => ({ name, from }));

function filled(most: number, ...all: readonly Call[]): WaitingCalls<Call> {
  const waiting = new WaitingCalls<Call>(most);
  for (const call of all) assert.equal(waiting.add(call), undefined);
  return waiting;
}

function namesOf(waiting: WaitingCalls<Call>): string {
  let names = "";
  for (let next = waiting.take(); next !== undefined; next = waiting.take()) names += next.name;
  assert.equal(waiting.size, 0);
  return names;
}

describe("WaitingCalls", () => {
  it("takes one of each source in turn, each source's own in the order they came", () => {
    const waiting = filled(
      10,
      ...calls(loud, "a", "b", "c", "d"),
      ...calls(quiet, "1", "2"),
      ...calls(undefined, "x"),
    );
    assert.equal(namesOf(waiting), "a1xb2cd");
  });

  it("full: the newest of the largest source gives way to one that has less", () => {
    const waiting = filled(4, ...calls(loud, "a", "b", "c", "d"));
    const [one, two, three] = calls(quiet, "1", "2", "3");
    assert.ok(one && two && three);
    assert.equal(waiting.add(one)?.name, "d");
    assert.equal(waiting.add(two)?.name, "c");
    assert.equal(waiting.add(three)?.name, "3", "now both have as many");
    assert.equal(waiting.size, 4);
    assert.equal(namesOf(waiting), "a1b2");
  });

  it("full: the largest source gets nothing more in", () => {
    const waiting = filled(3, ...calls(loud, "a", "b"), ...calls(quiet, "1"));
    const [more] = calls(loud, "c");
    assert.ok(more);
    assert.equal(waiting.add(more), more);
  });

  it("full of one each: a newcomer does not get in", () => {
    const waiting = filled(2, ...calls(loud, "a"), ...calls(quiet, "1"));
    const [more] = calls(third, "x");
    assert.ok(more);
    assert.equal(waiting.add(more), more);
  });

  it("who leaves is not taken, and leaving twice changes nothing", () => {
    const [a, b] = calls(loud, "a", "b");
    assert.ok(a && b);
    const waiting = filled(3, a, b);
    waiting.delete(a);
    waiting.delete(a);
    assert.equal(waiting.size, 1);
    assert.equal(namesOf(waiting), "b");
  });

  it("gives all away at once", () => {
    const waiting = filled(3, ...calls(loud, "a", "b"), ...calls(quiet, "1"));
    assert.equal(waiting.clear().length, 3);
    assert.equal(waiting.size, 0);
    assert.equal(waiting.take(), undefined);
  });
});
