import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { didYouMean } from "./did-you-mean.ts";
import type { YamlScalar } from "./yaml-node.ts";

export type ScalarRead =
  | { readonly value: string | number | bigint | boolean | Uint8Array }
  | { readonly fault: string; readonly hint: string };

/** A value as a field of this type takes it. Numbers and booleans in quotes are fine, as in protobuf's JSON. */
export function readScalar({ text }: YamlScalar, type: ScalarType): ScalarRead {
  switch (type) {
    case ScalarType.STRING:
      return { value: text };
    case ScalarType.BOOL:
      return readBool(text);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return readNumber(text, type);
    case ScalarType.BYTES:
      return readBytes(text);
    default:
      return readInteger(text, type);
  }
}

/** An enum value by its name or number. */
export function readEnum({ text }: YamlScalar, desc: DescEnum): ScalarRead {
  const found = desc.values.find(({ name, number }) => name === text || String(number) === text);
  if (found !== undefined) return { value: found.number };
  const names = desc.values.map(({ name }) => name);
  const close = didYouMean(text, names);
  return {
    fault: `${quote(text)} is no ${desc.name}`,
    hint: close === undefined ? `Write one of ${names.join(", ")}` : `Write ${close}`,
  };
}

function readBool(text: string): ScalarRead {
  if (/^(true|True|TRUE)$/.test(text)) return { value: true };
  if (/^(false|False|FALSE)$/.test(text)) return { value: false };
  return { fault: `${quote(text)} is neither true nor false`, hint: "Write true or false" };
}

function readNumber(text: string, type: ScalarType): ScalarRead {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || /^[-+]?0[xob]/i.test(text)) {
    return { fault: `${quote(text)} is no number`, hint: "Write a number such as 15 or 0.5" };
  }
  if (type === ScalarType.FLOAT && Math.abs(value) > 3.4028234663852886e38) {
    return { fault: `${text} is out of range`, hint: "Write a smaller number" };
  }
  return { value };
}

const integerBits: ReadonlyMap<ScalarType, { readonly bits: number; readonly signed: boolean }> =
  new Map([
    [ScalarType.INT32, { bits: 32, signed: true }],
    [ScalarType.SINT32, { bits: 32, signed: true }],
    [ScalarType.SFIXED32, { bits: 32, signed: true }],
    [ScalarType.UINT32, { bits: 32, signed: false }],
    [ScalarType.FIXED32, { bits: 32, signed: false }],
    [ScalarType.INT64, { bits: 64, signed: true }],
    [ScalarType.SINT64, { bits: 64, signed: true }],
    [ScalarType.SFIXED64, { bits: 64, signed: true }],
    [ScalarType.UINT64, { bits: 64, signed: false }],
    [ScalarType.FIXED64, { bits: 64, signed: false }],
  ]);

function readInteger(text: string, type: ScalarType): ScalarRead {
  const { bits, signed } = integerBits.get(type) ?? { bits: 32, signed: true };
  if (!/^[-+]?\d{1,20}$/.test(text)) {
    return { fault: `${quote(text)} is no whole number`, hint: "Write digits only, such as 3" };
  }
  const value = BigInt(text.replace(/^\+/, ""));
  const fits = value === (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
  if (!fits) {
    const kind = `${signed ? "" : "unsigned "}${bits}-bit number`;
    return { fault: `${text} is out of range`, hint: `Write a ${kind}` };
  }
  return { value: bits === 64 ? value : Number(value) };
}

function readBytes(text: string): ScalarRead {
  try {
    return { value: base64Decode(text) };
  } catch {
    return { fault: "this is not base64", hint: "Write the bytes in base64" };
  }
}

/** Longest piece of a value that a message repeats, characters. */
const MAX_QUOTED = 80;

/** A value for a message: in quotes, one line, cut short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}
