import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ServiceSchema } from "../google/gen/google/cloud/run/v2/service_pb.ts";
import { PolicySchema } from "../google/gen/google/iam/v1/policy_pb.ts";
import { EtagMismatch, Store } from "./store.ts";

const name = "projects/p/locations/l/services/s";

describe("Store", () => {
  it("keeps a copy of each message under its type and name", () => {
    const store = new Store();
    const message = create(ServiceSchema, { description: "first" });
    store.put(ServiceSchema, name, message);
    message.description = "changed by its owner";
    assert.equal(store.get(ServiceSchema, name)?.message.description, "first");
    assert.equal(store.get(PolicySchema, name), undefined);
    assert.deepEqual(
      store.list(ServiceSchema).map((resource) => resource.name),
      [name],
    );
    assert.equal(store.delete(ServiceSchema, name), true);
    assert.equal(store.delete(ServiceSchema, name), false);
    assert.deepEqual(store.list(ServiceSchema), []);
  });

  it("writes over the version that an etag names, and over no other", () => {
    const store = new Store();
    const message = create(ServiceSchema);
    const first = store.put(ServiceSchema, name, message, "");
    assert.throws(() => store.put(ServiceSchema, name, message, ""), EtagMismatch);
    const second = store.put(ServiceSchema, name, message, first.etag);
    assert.notEqual(second.etag, first.etag);
    assert.throws(
      () => store.put(ServiceSchema, name, message, first.etag),
      /was changed meanwhile/,
    );
    assert.throws(() => store.delete(ServiceSchema, name, first.etag), EtagMismatch);
    assert.equal(store.get(ServiceSchema, name)?.etag, second.etag);
    store.put(ServiceSchema, name, message);
  });

  it("tells its watchers of each write and delete of their type, until they stop", () => {
    const store = new Store();
    const told: string[] = [];
    const watch = store.watch(ServiceSchema, (one) => told.push(one));
    store.put(PolicySchema, name, create(PolicySchema));
    store.put(ServiceSchema, name, create(ServiceSchema));
    store.delete(ServiceSchema, name);
    assert.deepEqual(told, [name, name]);
    watch[Symbol.dispose]();
    store.put(ServiceSchema, name, create(ServiceSchema));
    assert.equal(told.length, 2);
  });

  it("knows where something listens, beside its message", () => {
    const store = new Store();
    store.setAddress(name, "https://localhost:8444");
    assert.equal(store.addressOf(name), "https://localhost:8444");
    store.setAddress(name, undefined);
    assert.equal(store.addressOf(name), undefined);
  });
});
