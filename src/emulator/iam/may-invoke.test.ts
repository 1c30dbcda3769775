import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { PolicySchema } from "../../google/gen/google/iam/v1/policy_pb.ts";
import { Store } from "../store.ts";
import { addBinding, removeBinding } from "./bindings.ts";
import { invokersOf, mayInvoke } from "./may-invoke.ts";
import { writePolicy } from "./policy-resource.ts";

const service = "projects/p/locations/us-central1/services/echo";
const invoker = "roles/run.invoker";
const gateway = { email: "gateway-sa@p.iam.gserviceaccount.com", emailVerified: true };
const ada = { email: "ada@example.com", emailVerified: true };

/** A store whose service lets in exactly this member. */
function letting(member: string, role = invoker): Store {
  const store = new Store();
  addBinding(store, service, role, member);
  return store;
}

describe("mayInvoke", () => {
  it("lets nobody in without a policy", () => {
    assert.equal(mayInvoke(new Store(), service, gateway), false);
    assert.equal(mayInvoke(new Store(), service, undefined), false);
  });

  for (const [member, caller, expected] of [
    ["allUsers", undefined, true],
    ["allUsers", { email: "x@y.z", emailVerified: false }, true],
    ["allAuthenticatedUsers", gateway, true],
    ["allAuthenticatedUsers", ada, true],
    ["allAuthenticatedUsers", undefined, false],
    ["allAuthenticatedUsers", {}, false],
    ["allAuthenticatedUsers", { email: "ada@example.com" }, false],
    ["serviceAccount:gateway-sa@p.iam.gserviceaccount.com", gateway, true],
    ["serviceAccount:Gateway-SA@p.iam.gserviceaccount.com", gateway, true],
    ["serviceAccount:other-sa@p.iam.gserviceaccount.com", gateway, false],
    [
      "serviceAccount:gateway-sa@p.iam.gserviceaccount.com",
      { ...gateway, emailVerified: false },
      false,
    ],
    ["serviceAccount:gateway-sa@p.iam.gserviceaccount.com", undefined, false],
    ["user:gateway-sa@p.iam.gserviceaccount.com", gateway, false],
    ["user:ada@example.com", ada, true],
    ["user:ada@example.com", { ...ada, emailVerified: undefined }, false],
    ["serviceAccount:ada@example.com", ada, false],
    ["group:ada@example.com", ada, false],
    ["domain:example.com", ada, true],
    ["domain:Example.com", ada, true],
    ["domain:example.com", { email: "ada@sub.example.com", emailVerified: true }, false],
    ["domain:example.com", { email: "ada@notexample.com", emailVerified: true }, false],
    ["domain:example.com", { email: "example.com", emailVerified: true }, false],
    ["domain:example.com", { ...ada, emailVerified: false }, false],
    ["domain:p.iam.gserviceaccount.com", gateway, false],
    ["deleted:serviceAccount:gateway-sa@p.iam.gserviceaccount.com?uid=1234", gateway, false],
    ["deleted:user:ada@example.com?uid=1234", ada, false],
    ["projectOwner:p", ada, false],
  ] as const) {
    const who = caller === undefined ? "no token" : JSON.stringify(caller);
    it(`${expected ? "lets in" : "refuses"} ${who} where ${member} is the invoker`, () => {
      assert.equal(mayInvoke(letting(member), service, caller), expected);
    });
  }

  it("looks at roles that allow invoking only", () => {
    assert.equal(mayInvoke(letting("allUsers", "roles/run.viewer"), service, gateway), false);
    assert.equal(mayInvoke(letting("allUsers", "roles/run.admin"), service, gateway), true);
  });

  it("looks at the policy of the one service", () => {
    assert.equal(mayInvoke(letting("allUsers"), `${service}-2`, gateway), false);
  });

  it("takes a binding with a condition for no grant, as what cannot be evaluated", () => {
    const store = new Store();
    const condition = { expression: "true" };
    const bindings = [{ role: invoker, members: ["allUsers"], condition }];
    writePolicy(store, service, create(PolicySchema, { version: 3, bindings }));
    assert.equal(mayInvoke(store, service, gateway), false);
    assert.deepEqual(invokersOf(store, service), []);
  });

  it("refuses again once the binding is removed", () => {
    const store = letting(`serviceAccount:${gateway.email}`);
    assert.equal(removeBinding(store, service, invoker, `serviceAccount:${gateway.email}`), true);
    assert.equal(mayInvoke(store, service, gateway), false);
  });
});

describe("invokersOf", () => {
  it("names each member once, of every invoking role", () => {
    const store = letting("user:ada@example.com");
    addBinding(store, service, "roles/run.admin", "user:ada@example.com");
    addBinding(store, service, "roles/run.admin", "domain:example.com");
    addBinding(store, service, "roles/run.viewer", "allUsers");
    assert.deepEqual(invokersOf(store, service), ["user:ada@example.com", "domain:example.com"]);
  });
});
