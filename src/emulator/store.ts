import { clone, type DescMessage, type MessageShape } from "@bufbuild/protobuf";

/** One of Google's own messages under its resource name, e.g. projects/p/locations/l/services/s. */
export interface Resource<D extends DescMessage = DescMessage> {
  readonly name: string;
  readonly message: MessageShape<D>;
  /** Changes with every write. */
  readonly etag: string;
}

/** A write named an etag that is no longer the resource's: read, change and write again. */
export class EtagMismatch extends Error {
  override readonly name = "EtagMismatch";
}

/**
 * Google's control plane as data: messages with etags, and who watches them. Engines make what runs follow the store.
 * The address a process happens to listen on is a fact of the store, not of the message.
 */
export class Store {
  readonly #resources = new Map<string, Map<string, Resource>>();
  readonly #watchers = new Map<string, Set<(name: string) => void>>();
  readonly #addresses = new Map<string, string>();
  #version = 0;

  get<D extends DescMessage>(schema: D, name: string): Resource<D> | undefined {
    return this.#resources.get(schema.typeName)?.get(name) as Resource<D> | undefined;
  }

  list<D extends DescMessage>(schema: D): readonly Resource<D>[] {
    return [...(this.#resources.get(schema.typeName)?.values() ?? [])] as Resource<D>[];
  }

  /** Write a copy of the message; with `etag`, only over that version ("" for: must not exist). Throws EtagMismatch. */
  put<D extends DescMessage>(
    schema: D,
    name: string,
    message: MessageShape<D>,
    etag?: string,
  ): Resource<D> {
    const held = this.#resources.get(schema.typeName) ?? new Map<string, Resource>();
    this.#resources.set(schema.typeName, held);
    this.#checkEtag(schema, name, etag);
    const resource: Resource<D> = {
      name,
      message: clone(schema, message),
      etag: `W/${(++this.#version).toString(16).padStart(8, "0")}`,
    };
    held.set(name, resource);
    this.#notify(schema, name);
    return resource;
  }

  delete(schema: DescMessage, name: string, etag?: string): boolean {
    this.#checkEtag(schema, name, etag);
    const existed = this.#resources.get(schema.typeName)?.delete(name) ?? false;
    if (existed) this.#notify(schema, name);
    return existed;
  }

  /** Called with the resource's name after each write and delete of that type. Dispose to stop. */
  watch(schema: DescMessage, listener: (name: string) => void): Disposable {
    const listeners = this.#watchers.get(schema.typeName) ?? new Set();
    this.#watchers.set(schema.typeName, listeners);
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Where the thing of that name listens: an origin. undefined forgets it. */
  setAddress(name: string, origin: string | undefined): void {
    if (origin === undefined) this.#addresses.delete(name);
    else this.#addresses.set(name, origin);
  }

  addressOf(name: string): string | undefined {
    return this.#addresses.get(name);
  }

  #checkEtag(schema: DescMessage, name: string, etag: string | undefined): void {
    if (etag === undefined) return;
    const now = this.get(schema, name)?.etag ?? "";
    if (now !== etag)
      throw new EtagMismatch(
        `${name} was changed meanwhile: ${now || "it does not exist"}, not ${etag || "new"}`,
      );
  }

  #notify(schema: DescMessage, name: string): void {
    for (const listener of [...(this.#watchers.get(schema.typeName) ?? [])]) listener(name);
  }
}
