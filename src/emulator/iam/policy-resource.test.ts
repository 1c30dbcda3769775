import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { PolicySchema } from "../../google/gen/google/iam/v1/policy_pb.ts";
import { EtagMismatch, Store } from "../store.ts";
import { addBinding, removeBinding, setMembers } from "./bindings.ts";
import { changePolicy, InvalidPolicy, readPolicy, writePolicy } from "./policy-resource.ts";

const service = "projects/p/locations/us-central1/services/echo";
const invoker = "roles/run.invoker";

describe("readPolicy and writePolicy", () => {
  it("answer an empty policy with IAM's etag ACAB where there is none", () => {
    const policy = readPolicy(new Store(), service);
    assert.deepEqual(policy.bindings, []);
    assert.equal(Buffer.from(policy.etag).toString("base64"), "ACAB");
  });

  it("give a new etag with every write, and take the last one", () => {
    const store = new Store();
    const first = writePolicy(store, service, readPolicy(store, service));
    const second = writePolicy(store, service, first);
    assert.notDeepEqual(second.etag, first.etag);
  });

  it("refuse a write over a version that is gone, also over one that was new", () => {
    const store = new Store();
    const empty = readPolicy(store, service);
    const first = writePolicy(store, service, empty);
    addBinding(store, service, invoker, "allUsers");
    assert.throws(() => writePolicy(store, service, first), EtagMismatch);
    assert.throws(() => writePolicy(store, service, empty), EtagMismatch);
    assert.equal(readPolicy(store, service).bindings.length, 1);
  });

  it("overwrite blindly without an etag, as IAM does", () => {
    const store = new Store();
    addBinding(store, service, invoker, "allUsers");
    writePolicy(store, service, create(PolicySchema));
    assert.deepEqual(readPolicy(store, service).bindings, []);
  });

  it("hand out copies", () => {
    const store = new Store();
    addBinding(store, service, invoker, "allUsers");
    readPolicy(store, service).bindings[0]?.members.push("user:eve@example.com");
    assert.deepEqual(readPolicy(store, service).bindings[0]?.members, ["allUsers"]);
  });

  for (const member of ["ada@example.com", "users:ada@example.com", "user:ada", "allusers", ""]) {
    it(`refuse ${JSON.stringify(member)} as a member, naming it and the forms there are`, () => {
      const bindings = [{ role: invoker, members: [member] }];
      assert.throws(
        () => writePolicy(new Store(), service, create(PolicySchema, { bindings })),
        (error) =>
          error instanceof InvalidPolicy &&
          error.message.includes(JSON.stringify(member)) &&
          error.message.includes("serviceAccount:EMAIL"),
      );
    });
  }

  it("refuse unknown versions, conditions below version 3, and more members than IAM takes", () => {
    const many = Array.from({ length: 1501 }, (_, i) => `user:u${i}@example.com`);
    const condition = { expression: "true" };
    for (const policy of [
      { version: 2 },
      { version: 1, bindings: [{ role: invoker, members: ["allUsers"], condition }] },
      { version: 1, bindings: [{ role: invoker, members: many }] },
    ]) {
      assert.throws(
        () => writePolicy(new Store(), service, create(PolicySchema, policy)),
        InvalidPolicy,
      );
    }
  });
});

describe("changePolicy", () => {
  it("reads again when somebody was faster, and keeps both changes", () => {
    const store = new Store();
    let reads = 0;
    changePolicy(store, service, (policy) => {
      if (reads++ === 0) addBinding(store, service, "roles/run.viewer", "allUsers");
      policy.bindings.push(
        ...create(PolicySchema, { bindings: [{ role: invoker, members: ["allUsers"] }] }).bindings,
      );
      return true;
    });
    const roles = readPolicy(store, service).bindings.map(({ role }) => role);
    assert.deepEqual(roles, ["roles/run.viewer", invoker]);
  });

  it("gives up when somebody is faster every time", () => {
    const store = new Store();
    let reads = 0;
    const change = () => {
      addBinding(store, service, invoker, `user:u${reads++}@example.com`);
      return true;
    };
    assert.throws(() => changePolicy(store, service, change), EtagMismatch);
    assert.equal(reads, 5);
  });
});

describe("bindings", () => {
  it("add a member once, and write nothing the second time", () => {
    const store = new Store();
    assert.equal(addBinding(store, service, invoker, "allUsers"), true);
    const { etag } = readPolicy(store, service);
    assert.equal(addBinding(store, service, invoker, "allUsers"), false);
    assert.deepEqual(readPolicy(store, service).etag, etag);
  });

  it("remove a member, and the binding with its last one", () => {
    const store = new Store();
    assert.equal(removeBinding(store, service, invoker, "allUsers"), false);
    addBinding(store, service, invoker, "allUsers");
    addBinding(store, service, invoker, "user:ada@example.com");
    removeBinding(store, service, invoker, "allUsers");
    assert.deepEqual(readPolicy(store, service).bindings[0]?.members, ["user:ada@example.com"]);
    removeBinding(store, service, invoker, "user:ada@example.com");
    assert.deepEqual(readPolicy(store, service).bindings, []);
  });

  it("set exactly the members named, leaving other roles alone", () => {
    const store = new Store();
    addBinding(store, service, "roles/run.viewer", "allUsers");
    assert.equal(setMembers(store, service, invoker, ["user:ada@example.com", "allUsers"]), true);
    assert.equal(setMembers(store, service, invoker, ["allUsers", "user:ada@example.com"]), false);
    assert.equal(setMembers(store, service, invoker, []), true);
    assert.deepEqual(
      readPolicy(store, service).bindings.map(({ role }) => role),
      ["roles/run.viewer"],
    );
  });

  it("leave a conditional binding of the same role alone", () => {
    const store = new Store();
    const bindings = [{ role: invoker, members: ["allUsers"], condition: { expression: "true" } }];
    writePolicy(store, service, create(PolicySchema, { version: 3, bindings }));
    assert.equal(removeBinding(store, service, invoker, "allUsers"), false);
    assert.equal(addBinding(store, service, invoker, "allUsers"), true);
    setMembers(store, service, invoker, []);
    assert.equal(readPolicy(store, service).bindings.length, 1);
  });
});
