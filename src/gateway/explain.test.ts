import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { makeHead } from "../../test/made-call.ts";
import { bearer, decided } from "../../test/made-decision.ts";
import {
  client,
  context,
  event,
  passedGateway,
  passedRun,
  refusedByGateway,
  rejection,
} from "../../test/made-story.ts";
import type { Forward, Refuse } from "./decide/decide.ts";
import { explain, printStory, storyJson } from "./explain.ts";

describe("explain and printStory", () => {
  it("a refused call, as the first minutes show it", () => {
    const evidence = refusedByGateway(decided(makeHead([bearer({ aud: "https://wrong" })])));
    const story = explain(evidence, { ...context, audience: "https://wrong" });
    assert.equal(
      printStory(story),
      `PERMISSION_DENIED  {"code":403,"message":"Audiences in Jwt are not allowed"}

  client -> gateway x        cloud run and the server never saw this call
    route      echo.EchoServer.SayHello        ok
    issuer     https://accounts.google.com     ok
    time       59 min left                     ok
    audience   https://wrong                   refused  gateway/api_config.yaml:22:16 accepts grpcs://grpc-gateway-1
    signature  not looked at: API Gateway checks the audience first

  fix   npx callpath call echo.EchoServer/SayHello '{"name":"Ada"}' --audience grpcs://grpc-gateway-1`,
    );
  });
  it("any Google token passes, until the server looks: as the first minutes show it", () => {
    const eve = "eve@elsewhere.iam.gserviceaccount.com";
    const denied = rejection({
      hop: "server",
      reason: "ACCESS_DENIED",
      code: Code.PermissionDenied,
      message: "not allowed to call echo.EchoServer.SayHello",
      detail: `${eve} is not in server/access.yaml:3`,
      fix: `add serviceAccount:${eve} under allow: in server/access.yaml (saved = live)`,
    });
    const events = [
      event("gateway", { principal: eve }),
      passedRun,
      event("server", { principal: eve, rejection: denied }),
    ];
    const answer = { code: denied.code, message: denied.message };
    const story = explain({ answer, events }, { ...context, message: '{"name":"Eve"}', as: eve });
    assert.equal(
      printStory(story),
      `PERMISSION_DENIED  not allowed to call echo.EchoServer.SayHello

  client -> gateway ok -> cloud run ok -> server x
    gateway    a valid Google token for grpcs://grpc-gateway-1: let through, as API Gateway would
    cloud run  the caller is gateway-sa, which has run.invoker: let through
    server     ${eve} is not in server/access.yaml:3

  fix   add serviceAccount:${eve} under allow: in server/access.yaml (saved = live), or call as gateway-client-sa`,
    );
  });
  it("the JSON form is the command line's contract", () => {
    const evidence = refusedByGateway(decided(makeHead([bearer({ exp: 1 })])));
    const json = storyJson(explain(evidence, context));
    assert.partialDeepStrictEqual(json, {
      verdict: "rejected",
      hop: "gateway",
      reason: "TOKEN_EXPIRED",
      code: "UNAUTHENTICATED",
      message: "Jwt is expired",
      fix: `npx callpath call echo.EchoServer/SayHello '{"name":"Ada"}' --audience grpcs://grpc-gateway-1`,
    });
    assert.deepEqual(
      json.steps.map(({ rule, ok }) => [rule, ok]),
      [
        ["route", true],
        ["issuer", true],
        ["time", false],
        ["audience", null],
        ["signature", null],
      ],
    );
    assert.deepEqual(Object.keys(json), [
      "verdict",
      "hop",
      "reason",
      "code",
      "message",
      "steps",
      "fix",
    ]);
    assert.match(
      json.steps[2]?.detail ?? "",
      /^expired \d+ days ago; API Gateway takes a token until/,
    );
  });

  it("a call to Cloud Run directly: no gateway in its path, and a command with the right audience", () => {
    const denial = rejection({
      hop: "cloud-run",
      reason: "RUN_TOKEN_INVALID",
      code: Code.Unauthenticated,
      accepted: "https://localhost:8444",
    });
    const evidence = {
      answer: { code: 16, message: "HTTP 401" },
      events: [event("cloud-run", { rejection: denial })],
    };
    const direct = {
      ...context,
      flags: ["--address", "https://localhost:8444"],
      path: ["cloud-run", "server"],
    } as const;
    const story = explain(evidence, direct);
    assert.match(printStory(story), / client -> cloud run x {8}the server never saw this call/);
    assert.equal(
      story.fix,
      `npx callpath call echo.EchoServer/SayHello '{"name":"Ada"}' --address https://localhost:8444 --audience https://localhost:8444`,
    );
    assert.equal(explain(evidence, context).fix, "what to do");
  });
  it("the gateway's deadline: it does not say that nobody else saw the call", () => {
    const late = rejection({ hop: "gateway", reason: "BACKEND_DEADLINE", code: Code.Unavailable });
    const story = explain(
      { answer: { code: 14, message: "{}" }, events: [event("gateway", { rejection: late })] },
      context,
    );
    assert.match(printStory(story), /\n {2}client -> gateway x\n {4}gateway {4}what was seen\n/);
  });
  it("a lost instance behind a gateway that saw a reset: the refusal nearest to the service is told", () => {
    const unreachable = rejection({
      hop: "gateway",
      reason: "BACKEND_UNREACHABLE",
      code: Code.Unavailable,
    });
    const lost = rejection({
      hop: "cloud-run",
      reason: "RUN_CONTAINER_ERROR",
      code: Code.Unavailable,
      detail: "lost\n  last line",
    });
    const events = [
      event("gateway", { rejection: unreachable }),
      event("cloud-run", { rejection: lost }),
    ];
    const story = explain({ answer: { code: 14, message: "x" }, events }, context);
    assert.equal(story.reason, "RUN_CONTAINER_ERROR");
    assert.match(printStory(story), /cloud run {2}lost \/ last line\n/);
  });
  it("an error of the service itself is no refusal of a hop", () => {
    const events = [
      passedGateway,
      passedRun,
      event("server", { principal: client, grpcStatus: 5 }),
    ];
    const story = explain({ answer: { code: 5, message: "no such name" }, events }, context);
    assert.partialDeepStrictEqual(story, {
      verdict: "rejected",
      hop: "server",
      reason: "SERVICE_ERROR",
      code: "NOT_FOUND",
    });
    assert.match(printStory(story), /server ok\n/);
  });
  it("the client's own refusal: no hop saw the call", () => {
    const own = rejection({ hop: "client", reason: "CONNECTION_FAILED", code: Code.Unavailable });
    const story = explain(
      { answer: { code: 14, message: "ECONNREFUSED" }, rejection: own },
      context,
    );
    assert.match(
      printStory(story),
      /\n {2}client x {8}gateway, cloud run and the server never saw this call\n/,
    );
  });
  it("an answer nobody can name is said to be unknown", () => {
    const story = explain({ answer: { code: 2, message: "?" } }, context);
    assert.partialDeepStrictEqual(story, {
      verdict: "rejected",
      reason: "UNKNOWN",
      code: "UNKNOWN",
    });
  });
  it("a call that was not made: the decision's steps, allowed or refused", () => {
    const good = decided(makeHead([bearer()])) as Forward;
    const passed = explain({ decision: good }, context);
    assert.partialDeepStrictEqual(storyJson(passed), {
      verdict: "allowed",
      hop: null,
      reason: null,
      code: "OK",
      fix: "",
    });
    assert.match(printStory(passed), /^OK\n\n {2}client -> gateway ok\n {4}route/);
    const bad = decided(makeHead([bearer({ exp: 1 })])) as Refuse;
    const refused = explain({ decision: bad }, context);
    assert.equal(printStory(refused).split("\n")[0], "UNAUTHENTICATED  Jwt is expired");
    const denial = rejection({
      hop: "cloud-run",
      reason: "RUN_FORBIDDEN",
      code: Code.PermissionDenied,
    });
    const later = explain(
      { decision: good, events: [event("cloud-run", { rejection: denial })] },
      context,
    );
    assert.equal(later.hop, "cloud-run");
    assert.match(printStory(later), /gateway {4}a valid Google token for/);
  });
  it("what others wrote moves no cursor and breaks no line", () => {
    const nasty = rejection({
      hop: "server",
      reason: "ACCESS_DENIED",
      code: 7,
      detail: "a\u001b[2J\nb\u202e",
      fix: "f",
    });
    const text = printStory(
      explain(
        { answer: { code: 7, message: "m\r\nn" }, events: [event("server", { rejection: nasty })] },
        context,
      ),
    );
    for (const bad of ["\u001b", "\u202e", "\r"]) assert.ok(!text.includes(bad));
    assert.equal(text.split("\n").length, 6);
  });
  it("words of a command are quoted as a shell takes them", () => {
    const evidence = refusedByGateway(decided(makeHead([bearer({ aud: "x" })])));
    const { fix } = explain(evidence, {
      ...context,
      message: `{"name":"O'Hara $HOME"}`,
      as: "a b",
    });
    assert.ok(fix.includes(`'{"name":"O'\\''Hara $HOME"}' --as 'a b' --audience`), fix);
  });
});
