import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goodClaims, makeHead, nowMs, part } from "../../../test/made-call.ts";
import { decided, keys, mint, walkthrough } from "../../../test/made-decision.ts";
import { decide } from "./decide.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

const good = mint();
const [header = "", payload = "", signature = ""] = good.split(".");
const pieces = fc.constantFrom(
  ...[
    "Bearer ",
    "bearer ",
    "Bearer",
    good,
    header,
    payload,
    signature,
    ".",
    "..",
    " ",
    ",",
    ", ",
    "=",
    "\t",
    "x",
  ],
  ...[
    part({ alg: "none" }),
    part({ alg: "HS256", kid: "key-1" }),
    part(goodClaims),
    part("{}"),
    "ya29.",
    "\u00ff",
  ],
);
const value = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(""));
const names = fc.constantFrom(
  "authorization",
  "x-goog-iap-jwt-assertion",
  "x-api-key",
  "x-forwarded-authorization",
);
const fields = fc.array(fc.tuple(names, value), { maxLength: 4 });
const path = fc.oneof(
  fc.constant("/echo.EchoServer/SayHello"),
  fc
    .array(
      fc.constantFrom(
        "/",
        "echo.EchoServer",
        "SayHello",
        "..",
        "%2e",
        "%2F",
        "?",
        "access_token=",
        good,
        "&",
      ),
    )
    .map((all) => `/${all.join("")}`),
);

describe("decide, whatever it is given", () => {
  it("answers, and lets through only who sent the good token, whole, at a place that counts", () => {
    const cache = new VerifiedTokens();
    fc.assert(
      fc.property(fields, path, (sent, path) => {
        const head = makeHead(sent, { path });
        const decision = decide(walkthrough, keys, head, nowMs, { cache });
        assert.deepEqual({ ...decided(head), steps: [] }, decision);
        if (decision.kind === "refuse") return;
        assert.equal(decision.kind, "forward");
        const read = sent.filter(
          ([name]) => name === "authorization" || name === "x-goog-iap-jwt-assertion",
        );
        const places = [...read.map(([, value]) => value), path];
        assert.ok(places.some((place) => place.includes(good)));
      }),
      { numRuns: 1000 },
    );
  });
});
