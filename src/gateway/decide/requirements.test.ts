import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeHead, makeModel, provider, requirement } from "../../../test/made-call.ts";
import {
  assertDecidedAgainst,
  bearer,
  decided,
  jwtRoute,
  refusalOf,
} from "../../../test/made-decision.ts";
import type { JwtProvider, JwtRequirement } from "../../config/model.ts";

const otherProvider: JwtProvider = { ...provider, id: "other", issuer: "https://other.test" };
const other: JwtRequirement = { ...requirement, provider: otherProvider };

describe("decide: several requirements", () => {
  const either = makeModel(jwtRoute([other, requirement]));
  it("AR-2: any one suffices", () => {
    assert.equal(decided(makeHead([bearer()]), either).kind, "forward");
    assert.equal(
      decided(makeHead([bearer({ iss: "https://other.test" })]), either).kind,
      "forward",
    );
  });
  it("AR-3: a requirement's own audiences replace the provider's", () => {
    const own = makeModel(jwtRoute([{ ...requirement, audiences: ["own"] }]));
    assert.equal(decided(makeHead([bearer({ aud: "own" })]), own).kind, "forward");
    assertDecidedAgainst(
      decided(makeHead([bearer()]), own),
      403,
      7,
      "Audiences in Jwt are not allowed",
    );
  });
  it("AR-5: any failure is told before `issuer is not configured`, that before `missing`", () => {
    const elsewhere: JwtRequirement = {
      ...other,
      provider: {
        ...otherProvider,
        locations: [{ kind: "header", name: "x-token", valuePrefix: "" }],
      },
    };
    for (const [requirements, claims, message] of [
      [[other, requirement], { exp: 1 }, "Jwt is expired"],
      [[requirement, other], { exp: 1 }, "Jwt is expired"],
      [[requirement, other], { iss: "https://third.test" }, "Jwt issuer is not configured"],
      [[elsewhere, requirement], { iss: "https://third.test" }, "Jwt issuer is not configured"],
      [[requirement, elsewhere], { iss: "https://third.test" }, "Jwt issuer is not configured"],
      [[requirement, elsewhere], { aud: "x" }, "Audiences in Jwt are not allowed"],
    ] as const) {
      const decision = decided(makeHead([bearer(claims)]), makeModel(jwtRoute(requirements)));
      assert.equal(refusalOf(decision).message, message);
    }
    assertDecidedAgainst(decided(makeHead(), either), 401, 16, "Jwt is missing");
  });
  it("AR-4: allow_without_credential lets a call without a token through, and no bad token", () => {
    const optional = makeModel(jwtRoute([requirement], true));
    assert.partialDeepStrictEqual(decided(makeHead(), optional), {
      kind: "forward",
      claims: undefined,
    });
    assert.equal(decided(makeHead([bearer()]), optional).kind, "forward");
    assertDecidedAgainst(
      decided(makeHead([bearer({ exp: 1 })]), optional),
      401,
      16,
      "Jwt is expired",
    );
    assertDecidedAgainst(
      decided(makeHead([bearer({ iss: "x" })]), optional),
      401,
      16,
      "Jwt issuer is not configured",
    );
    assertDecidedAgainst(
      decided(makeHead([["authorization", "Bearer x"]]), optional),
      401,
      16,
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    );
  });
});
