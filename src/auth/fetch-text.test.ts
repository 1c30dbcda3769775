import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startAnswering, testTls } from "../../test/answering-server.ts";
import { fetchText, maxAnswerBytes } from "./fetch-text.ts";

describe("fetchText", () => {
  it("sends method, headers and body, and gives back status, headers and text", async () => {
    await using server = await startAnswering((_, response) => {
      response.writeHead(404, { "x-said": "no" });
      return "not here";
    });
    const url = new URL("/a?b=c", server.url);
    const answer = await fetchText({ url, method: "POST", headers: { x: "1" }, body: "hello" });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers["x-said"], "no");
    assert.equal(answer.text, "not here");
    assert.partialDeepStrictEqual(server.requests[0], {
      method: "POST",
      path: "/a?b=c",
      body: "hello",
      headers: { x: "1", host: `127.0.0.1:${server.port}` },
    });
  });

  it("follows no redirect: a token goes where it was sent", async () => {
    await using server = await startAnswering((_, response) => {
      response.writeHead(302, { location: "http://127.0.0.1:1/" });
      return "";
    });
    assert.equal((await fetchText({ url: server.url })).status, 302);
    assert.equal(server.requests.length, 1);
  });

  it("trusts the roots it is given, and only with them a local issuer", async () => {
    await using server = await startAnswering(() => "secret", testTls);
    await assert.rejects(fetchText({ url: server.url }), /self-signed certificate/);
    const { text } = await fetchText({ url: server.url, ca: [testTls.cert] });
    assert.equal(text, "secret");
  });

  it("checks the name in the certificate also where it is led elsewhere by `resolve`", async () => {
    await using server = await startAnswering(() => "led here", testTls);
    const ca = [testTls.cert];
    const to = (host: string) => ({
      url: new URL(`https://${host}/x`),
      ca,
      resolve: new Map([[`${host}:443`, `127.0.0.1:${server.port}`]]),
    });
    assert.equal((await fetchText(to("issuer.test"))).text, "led here");
    assert.equal(server.requests[0]?.headers.host, "issuer.test");
    await assert.rejects(fetchText(to("other.test")), /altnames/);
  });

  it("says why nobody answered, for every address of a name", async () => {
    const server = await startAnswering(() => "");
    await server[Symbol.asyncDispose]();
    const url = new URL(`http://localhost:${server.port}`);
    await assert.rejects(fetchText({ url }), /ECONNREFUSED 127\.0\.0\.1:/);
  });

  it("gives up after timeoutMs", async () => {
    await using server = await startAnswering(() => undefined);
    const call = fetchText({ url: server.url, timeoutMs: 20 });
    await assert.rejects(call, /no answer within 20 ms/);
  });

  it("gives up in the middle of an answer that never ends", async () => {
    await using server = await startAnswering((_, response) => {
      response.write("begun");
      return undefined;
    });
    const call = fetchText({ url: server.url, timeoutMs: 100 });
    await assert.rejects(call, /no answer within 100 ms/);
  });

  it("ends with the caller's reason when aborted, and closes the connection", async () => {
    const gone = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using server = await startAnswering((_, response) => {
      response.once("close", gone.resolve);
      asked.resolve();
      return undefined;
    });
    const stop = new AbortController();
    const call = fetchText({ url: server.url, signal: stop.signal });
    await asked.promise;
    stop.abort(new Error("changed my mind"));
    await assert.rejects(call, /changed my mind/);
    await gone.promise;
  });

  it("stops reading an answer that is too large", async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await startAnswering((_, response) => {
      response.once("close", gone.resolve);
      return "x".repeat(4 * maxAnswerBytes);
    });
    await assert.rejects(
      fetchText({ url: server.url }),
      new RegExp(`larger than ${maxAnswerBytes}`),
    );
    await gone.promise;
  });
});
