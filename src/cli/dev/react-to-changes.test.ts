import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GatewayModel } from "../../config/model.ts";
import { InputError } from "../command.ts";
import { fillText } from "./api-config-message.ts";
import { changedParts } from "./changed-parts.ts";
import type { DevSetup } from "./dev-setup.ts";
import { type ReactOptions, reactToChanges } from "./react-to-changes.ts";

const setup: DevSetup = {
  folder: "/p",
  stateDir: "/p/.callpath",
  sources: { config: "/p/gateway/api_config.yaml", image: "/p/gen/descriptor.pb", values: {} },
  server: { command: "node server/main.ts", isProjects: true },
  client: undefined,
  access: "server/access.yaml",
  service: "echo",
  instances: 3,
  watch: ["/p/proto", "/p/server"],
  call: undefined,
  portBase: undefined,
};

/** What was done and said, in order; `faults` names the steps that fail. */
function reacting(
  faults: Partial<Record<"generate" | "read" | "deploy" | "serve", string>> = {},
  audienceOnDisk = "a",
) {
  const done: string[] = [];
  let audience = "a";
  const step = async (name: keyof typeof faults) => {
    done.push(name);
    const fault = faults[name];
    if (fault !== undefined) throw new InputError(fault);
  };
  const deployment: ReactOptions["deployment"] = {
    readConfig: () => {
      done.push("read");
      if (faults.read !== undefined) throw new InputError(faults.read);
      audience = audienceOnDisk;
    },
    serveConfig: () => step("serve").then(() => new URL("https://localhost:1")),
    deployService: () =>
      step("deploy").then(() => ({
        revision: "echo-00002-abc",
        url: new URL("https://localhost:2"),
      })),
    get audience() {
      return audience;
    },
    model: {
      hiddenServices: ["weather.v1.Weather", "grpc.health.v1.Health"],
      apisAt: { file: "gateway/api_config.yaml", line: 6, column: 1 },
    } as unknown as GatewayModel,
  };
  const react = reactToChanges({
    setup,
    deployment,
    generate: async () => {
      done.push("generate");
      return { fault: faults.generate };
    },
    say: (line) => done.push(line),
    signal: new AbortController().signal,
  });
  return { done, react, faults };
}

describe("reactToChanges", () => {
  it("deploys a saved server, and nothing else", async () => {
    const { done, react } = reacting();
    await react(["/p/server/echo.ts"]);
    assert.deepEqual(done, [
      "deploy",
      "saved   server/echo.ts: revision echo-00002-abc serves, the old one drains",
    ]);
  });

  it("generates a saved proto, then the instances, then the gateway; and says what was forgotten", async () => {
    const { done, react } = reacting();
    await react(["/p/proto/echo/echo.proto"]);
    assert.deepEqual(done.slice(0, 3), ["generate", "read", "deploy"]);
    assert.match(done[3] ?? "", /^saved {3}proto\/echo\/echo\.proto: revision/);
    assert.equal(done[4], "serve");
    assert.match(
      done[5] ?? "",
      /^hint {4}weather\.v1\.Weather .*add `- name: weather\.v1\.Weather` under apis at gateway\/api_config\.yaml:6/,
    );
    assert.equal(done.length, 6);
  });

  it("stops at a proto that cannot be generated", async () => {
    const { done, react } = reacting({ generate: "echo.proto:3:1: syntax error" });
    await react(["/p/proto/echo/echo.proto"]);
    assert.deepEqual(done, [
      "generate",
      "refused echo.proto:3:1: syntax error; the old service keeps serving",
    ]);
  });

  it("serves a saved config; a broken one is refused and nothing changes", async () => {
    const good = reacting();
    await good.react([setup.sources.config]);
    assert.deepEqual(good.done, [
      "read",
      "serve",
      "saved   gateway/api_config.yaml: the gateway serves it",
    ]);
    const bad = reacting({ read: "api_config.yaml:1:1: error" });
    await bad.react([setup.sources.config]);
    assert.deepEqual(bad.done, [
      "read",
      "refused api_config.yaml:1:1: error\n        the old config keeps serving",
    ]);
  });

  it("tells the instances of a new audience before the gateway serves it", async () => {
    const { done, react } = reacting({}, "b");
    await react([setup.sources.config]);
    assert.deepEqual(
      done.filter((one) => !one.startsWith("saved")),
      ["read", "deploy", "serve"],
    );
  });

  it("deploys later what a broken config held up", async () => {
    const { done, react, faults } = reacting({ read: "broken" });
    await react(["/p/proto/echo/echo.proto"]);
    assert.ok(!done.includes("deploy"));
    delete faults.read;
    await react([setup.sources.config]);
    assert.ok(done.includes("deploy"));
  });

  it("says why a revision does not start, and keeps the old one", async () => {
    const { done, react } = reacting({ deploy: "it ended with exit code 1: oops" });
    await react(["/p/server/echo.ts"]);
    assert.deepEqual(done, [
      "deploy",
      "refused server/echo.ts: it ended with exit code 1: oops\n        the old revision keeps serving",
    ]);
  });

  it("leaves access.yaml to the instances", async () => {
    const { done, react } = reacting();
    await react(["/p/server/access.yaml"]);
    assert.deepEqual(done, []);
  });
});

describe("changedParts", () => {
  it("takes no editor's own file for the server's", () => {
    const own = [
      "/p/server/.echo.ts.swp",
      "/p/server/echo.ts~",
      "/p/server/4913",
      "/p/server/.#echo.ts",
      "/p/server/echo.ts.tmp",
    ];
    const { server } = changedParts([...own, "/p/server/echo.ts"], {
      config: "",
      image: "",
      access: undefined,
    });
    assert.deepEqual(server, ["/p/server/echo.ts"]);
  });
});

describe("fillText", () => {
  it("fills what has a value, line by line as it was", () => {
    const values = { A: "1", B_2: "two", LINES: "x\ny" };
    assert.equal(
      fillText(["$A $", "{B_2} $$A $UNKNOWN $LINES $5"].join(""), values),
      "1 two $A $UNKNOWN $LINES $5",
    );
  });
});
