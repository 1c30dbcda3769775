import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { didYouMean } from "./did-you-mean.ts";
import { type Place, Places } from "./places.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote, readEnum, readScalar, type ScalarRead } from "./read-scalar.ts";
import {
  fieldPath,
  isNull,
  itemPath,
  kindOf,
  toJson,
  type YamlEntry,
  type YamlMapping,
  type YamlNode,
} from "./yaml-node.ts";

export interface ReadMessage<D extends DescMessage> {
  readonly message: MessageShape<D>;
  readonly places: Places;
}

/**
 * Read a mapping as a protobuf message: its descriptor says which fields there are and what they hold. Fields go by
 * their proto names; everything else is a problem with place and path, and the message is then what could be read.
 */
export function readMessage<D extends DescMessage>(
  desc: D,
  root: YamlMapping,
  problems: ProblemList,
): ReadMessage<D> {
  const places = new Places(root.at);
  const message = create(desc);
  new MessageReader(places, problems).fill(reflect(desc, message), root, "");
  return { message, places };
}

class MessageReader {
  readonly #places: Places;
  readonly #problems: ProblemList;

  constructor(places: Places, problems: ProblemList) {
    this.#places = places;
    this.#problems = problems;
  }

  fill(target: ReflectMessage, mapping: YamlMapping, path: string): void {
    this.#places.set(target.message, { at: mapping.at, path });
    for (const entry of mapping.entries) {
      const field = target.fields.find(({ name }) => name === entry.key);
      if (field === undefined) {
        this.#refuseUnknown(target.desc, entry, path);
        continue;
      }
      if (isNull(entry.value)) continue;
      const inner: Place = { at: entry.value.at, path: fieldPath(path, entry.key) };
      if (this.#refuseSecondOfOneof(target, field, entry, inner.path)) continue;
      const items: Place[] = [];
      const read = this.#readField(target, field, entry.value, inner.path, items);
      const { keyAt } = entry;
      const place = { ...inner, keyAt, written: true, faulty: !read, items };
      this.#places.setField(target.message, field.name, place);
    }
  }

  /** false: the value, or a part of it, was faulty. */
  #readField(
    target: ReflectMessage,
    field: DescField,
    node: YamlNode,
    path: string,
    items: Place[],
  ): boolean {
    if (field.fieldKind === "list") return this.#readList(target, field, node, path, items);
    if (field.fieldKind === "map") return this.#readMap(target, field, node, path);
    const value = this.#readValue(field, node, path);
    if (value === undefined) return false;
    target.set(field, value);
    return true;
  }

  #readList(
    target: ReflectMessage,
    field: DescField & { fieldKind: "list" },
    node: YamlNode,
    path: string,
    items: Place[],
  ): boolean {
    if (node.kind !== "sequence") {
      const hint = `Put a dash before each: ${field.name}: [${node.kind === "scalar" ? node.text : "{…}"}]`;
      return this.#refuseKind(node, path, "a list", hint);
    }
    const list = target.get(field);
    let allRead = true;
    for (const [i, item] of node.items.entries()) {
      const value = this.#readValue(field, item, itemPath(path, i));
      if (value === undefined) {
        allRead = false;
        continue;
      }
      list.add(value);
      items.push({ at: item.at, path: itemPath(path, i) });
    }
    return allRead;
  }

  #readMap(
    target: ReflectMessage,
    field: DescField & { fieldKind: "map" },
    node: YamlNode,
    path: string,
  ): boolean {
    if (node.kind !== "mapping") {
      return this.#refuseKind(node, path, "a mapping", "Write it as `key: value` lines");
    }
    const map = target.get(field);
    let allRead = true;
    for (const { key, keyAt, value: valueNode } of node.entries) {
      const inner = fieldPath(path, key);
      const keyNode = { kind: "scalar", at: keyAt, text: key, plain: false, source: key } as const;
      const readKey = this.#take(readScalar(keyNode, field.mapKey), keyNode, inner);
      const value = this.#readValue(field, valueNode, inner);
      if (readKey === undefined || value === undefined) allRead = false;
      else map.set(readKey, value);
    }
    return allRead;
  }

  /** One value of a field: itself, a list's item or a map's value. */
  #readValue(field: DescField, node: YamlNode, path: string): unknown {
    if (field.message !== undefined) return this.#readInner(field.message, node, path);
    if (node.kind !== "scalar" || isNull(node)) {
      const hint =
        node.kind === "sequence"
          ? `${field.name} takes one value: ${field.name}: ${commaList(node.items)}`
          : `Write ${field.name}: VALUE`;
      this.#refuseKind(node, path, "a single value", hint);
      return undefined;
    }
    if (node.unfilled) return undefined;
    const read =
      field.enum === undefined
        ? readScalar(node, field.scalar as Parameters<typeof readScalar>[1])
        : readEnum(node, field.enum);
    return this.#take(read, node, path);
  }

  #readInner(desc: DescMessage, node: YamlNode, path: string): ReflectMessage | undefined {
    if (isWrapperDesc(desc) || ownJson.has(desc.typeName)) {
      return this.#readWellKnown(desc, node, path);
    }
    if (node.kind !== "mapping") {
      const names = desc.fields.map(({ name }) => name);
      const hint = `Write fields under it: ${names.slice(0, MAX_NAMES).join(", ")}`;
      this.#refuseKind(node, path, "a mapping", hint);
      return undefined;
    }
    const inner = reflect(desc, create(desc));
    this.fill(inner, node, path);
    return inner;
  }

  /** Messages whose JSON is not that of their fields, e.g. a Duration's "3s". */
  #readWellKnown(desc: DescMessage, node: YamlNode, path: string): ReflectMessage | undefined {
    // Nothing here reads an Any, and its type may be anybody's.
    if (desc.typeName === "google.protobuf.Any") return reflect(desc, create(desc));
    if (node.kind === "scalar" && node.unfilled) return undefined;
    try {
      return reflect(desc, fromJson(desc, toJson(node) as JsonValue));
    } catch {
      const shown = node.kind === "scalar" ? quote(node.text) : kindOf(node);
      const hint = `Write it as in protobuf's JSON form of ${desc.typeName}`;
      const message = `${shown} is no ${desc.name}`;
      this.#problems.error(node.at, { code: "wrong-value", message, path, hint });
      return undefined;
    }
  }

  #take<T extends ScalarRead>(read: T, node: YamlNode, path: string) {
    if ("value" in read) return read.value;
    const { fault, hint } = read;
    this.#problems.error(node.at, { code: "wrong-value", message: fault, path, hint });
    return undefined;
  }

  #refuseKind(node: YamlNode, path: string, wanted: string, hint: string): false {
    const message = `expected ${wanted}, found ${kindOf(node)}`;
    this.#problems.error(node.at, { code: "wrong-kind", message, path, hint });
    return false;
  }

  #refuseUnknown(desc: DescMessage, { key, keyAt }: YamlEntry, path: string): void {
    const names = desc.fields.map(({ name }) => name);
    const close = didYouMean(key, names);
    const fields = `${names.slice(0, MAX_NAMES).join(", ")}${names.length > MAX_NAMES ? ", …" : ""}`;
    let hint = close === undefined ? `Fields here: ${fields}` : `Did you mean ${close}?`;
    if (key === "<<") hint = "Merge keys are not read: write the fields themselves";
    this.#problems.error(keyAt, {
      code: "unknown-field",
      message: `${desc.typeName} has no field ${quote(key)}`,
      path: fieldPath(path, key),
      hint,
    });
  }

  #refuseSecondOfOneof(
    target: ReflectMessage,
    field: DescField,
    { key, keyAt }: YamlEntry,
    path: string,
  ): boolean {
    const oneof = field.oneof;
    const first = oneof === undefined ? undefined : target.oneofCase(oneof);
    if (first === undefined) return false;
    this.#problems.error(keyAt, {
      code: "one-of",
      message: `${first.name} and ${key} cannot both be set`,
      path,
      hint: `Keep one of ${oneof?.fields.map(({ name }) => name).join(", ")}`,
    });
    return true;
  }
}

/** Most field names that a hint lists. */
const MAX_NAMES = 12;

const ownJson = new Set(
  ["Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value"].map(
    (name) => `google.protobuf.${name}`,
  ),
);

function commaList(items: readonly YamlNode[]): string {
  return items.map((item) => (item.kind === "scalar" ? item.text : "…")).join(", ");
}
