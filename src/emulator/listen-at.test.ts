import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listenAt } from "./listen-at.ts";

/** A listener that finds port 8443 in use. */
const start = (port: number): Promise<number> =>
  port === 8443
    ? Promise.reject(
        new Error("cannot listen", {
          cause: Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" }),
        }),
      )
    : Promise.resolve(port);

describe("listenAt", () => {
  it("takes a free port where a usual one is in use, and says so", async () => {
    const said: string[] = [];
    const place = { what: "the gateway echo", port: 8443, isAsked: false };
    assert.equal(await listenAt(place, start, (message) => said.push(message)), 0);
    assert.deepEqual(said, ["port 8443 is in use: the gateway echo listens on a free one"]);
  });

  it("insists on a port that was asked for", async () => {
    const place = { what: "the gateway echo", port: 8443, isAsked: true };
    await assert.rejects(
      listenAt(place, start, () => {}),
      /^Error: port 8443 is in use, and the gateway echo was to listen there/,
    );
  });

  it("passes on any other trouble", async () => {
    const trouble = new Error("no memory");
    const place = { what: "the gateway echo", port: 1, isAsked: true };
    await assert.rejects(
      listenAt(
        place,
        () => Promise.reject(trouble),
        () => {},
      ),
      trouble,
    );
  });
});
