import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeHead } from "../../../test/made-call.ts";
import { assertDecidedAgainst, bearer, decided, refusalOf } from "../../../test/made-decision.ts";

describe("decide: routes", () => {
  it("RT-1: a method answers POST, its path spelled exactly or with one trailing slash, forwarded as received", () => {
    for (const path of ["/echo.EchoServer/SayHello", "/echo.EchoServer/SayHello/"]) {
      const decision = decided(makeHead([bearer()], { path }));
      assert.partialDeepStrictEqual(decision, { kind: "forward", path });
    }
  });
  it("RT-8: doubled slashes and dot segments lead to the route, and go upstream normalised; the query stays", () => {
    const decision = decided(makeHead([bearer()], { path: "//echo.EchoServer/./SayHello?a=//b" }));
    assert.partialDeepStrictEqual(decision, {
      kind: "forward",
      path: "/echo.EchoServer/SayHello?a=//b",
    });
  });
  for (const path of [
    "/echo.EchoServer/sayhello",
    "/echo.EchoServer/SayHello2",
    "/echo.EchoServer%2FSayHello",
    "/echo.EchoServer",
    "/grpc.health.v1.Health/Check",
    "/",
    "",
    "*",
    "/__proto__",
  ])
    it(`RT-2, IN-3: ${path || "no path"} is 404, UNIMPLEMENTED, before any token is looked at (AR-7)`, () => {
      const decision = decided(makeHead([], { path }));
      assertDecidedAgainst(decision, 404, 12, "The current request is not defined by this API.");
      assert.equal(refusalOf(decision).wwwAuthenticate, undefined);
    });
  it("RT-3: another HTTP method is 405, UNKNOWN, naming the template", () => {
    const text =
      'The current request is matched to the defined url template "/echo.EchoServer/SayHello" but its http method is not allowed';
    for (const method of ["GET", "PUT", "OPTIONS", "post"])
      assertDecidedAgainst(decided(makeHead([], { method })), 405, 2, text);
  });
  it("RT-10: the authority plays no part", () => {
    const head = makeHead([bearer()]).filter(({ name }) => name !== ":authority");
    assert.equal(decided(head).kind, "forward");
  });
  it("a 404 names the service that the image has and apis does not list, and the line to add", () => {
    const { detail, fix } = refusalOf(
      decided(makeHead([], { path: "/grpc.health.v1.Health/Check" })),
    );
    assert.match(detail, /gateway\/api_config\.yaml:6:1 does not list grpc\.health\.v1\.Health/);
    assert.match(fix, /Add "- name: grpc\.health\.v1\.Health" under apis:/);
  });
  it("a 404 for a method in another case, or in another package, names the one that is meant", () => {
    for (const path of ["/echo.echoserver/sayhello", "/demo.EchoServer/SayHello"]) {
      const { accepted } = refusalOf(decided(makeHead([], { path })));
      assert.equal(accepted, "/echo.EchoServer/SayHello");
    }
  });
});
