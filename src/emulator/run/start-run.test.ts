import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { echoOf } from "./container-fixture.test.ts";
import { instances, startTestRun } from "./run-fixture.test.ts";

describe("startRun", () => {
  it("runs instances with Cloud Run's environment and leads calls to them in turn over one channel", async () => {
    await using test = await startTestRun();
    const { revision } = await test.deploy(instances(3, 3));
    assert.match(revision, /^echo-00001-[a-z]{3}$/);
    const authorization = `Bearer ${test.token()}`;
    const seen = new Map<string, number>();
    for (let call = 0; call < 9; call++) {
      const echo = echoOf(await test.call("/echo.EchoServer/SayHello", { authorization }));
      assert.match(echo.id, /^[0-9a-f]{16,}$/);
      assert.partialDeepStrictEqual(echo, {
        K_SERVICE: "echo",
        K_CONFIGURATION: "echo",
        K_REVISION: revision,
      });
      seen.set(echo.id, (seen.get(echo.id) ?? 0) + 1);
    }
    assert.deepEqual([...seen.values()], [3, 3, 3]);
  });
});
