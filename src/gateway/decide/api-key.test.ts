import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, makeHead, makeModel, makeRoute } from "../../../test/made-call.ts";
import { assertDecidedAgainst, bearer, decided, refusalOf } from "../../../test/made-decision.ts";

describe("decide: API keys", () => {
  const strict = makeModel(makeRoute({ apiKey: { required: true, at: at(10, 7) } }));
  const missing =
    "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
  const invalid = "INVALID_ARGUMENT: API key not valid. Please pass a valid API key.";
  it("UC-1: not needed, not looked at", () => {
    assert.equal(decided(makeHead([bearer(), ["x-api-key", "x"]])).kind, "forward");
  });
  it("UC-2: needed and not sent: 401", () => {
    const decision = decided(makeHead([bearer()]), strict);
    assertDecidedAgainst(decision, 401, 16, missing);
    assert.equal(refusalOf(decision).reason, "API_KEY_MISSING");
  });
  it("UC-3: the token comes first", () => {
    assertDecidedAgainst(
      decided(makeHead([["x-api-key", "x"]]), strict),
      401,
      16,
      "Jwt is missing",
    );
  });
  it("UC-4, UC-9: a key in query or header is not known: 400, INTERNAL as ER-3 says", () => {
    for (const query of ["?key=a", "?api_key=a"]) {
      const path = `/echo.EchoServer/SayHello${query}`;
      assertDecidedAgainst(decided(makeHead([bearer()], { path }), strict), 400, 13, invalid);
    }
    const decision = decided(makeHead([bearer(), ["x-api-key", "secret-key"]]), strict);
    assertDecidedAgainst(decision, 400, 13, invalid);
    assert.doesNotMatch(JSON.stringify(decision), /secret-key/);
  });
});
