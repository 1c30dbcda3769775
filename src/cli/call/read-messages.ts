import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import {
  type DescMethod,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { InputError } from "../command.ts";
import { readInput } from "../read-input.ts";

/** Where the request messages come from. */
export interface MessageInput {
  /** A JSON object (or, for methods that take a stream, an array of them); `-`: standard input; undefined: see below. */
  readonly json: string | undefined;
  readonly stdin: Readable;
}

/**
 * The request messages of a call, as they come. One message: the JSON, `{}` without any. A stream: an array, one object,
 * or one JSON object a line on standard input (also when no JSON was given).
 * Throws InputError at the first message that does not fit the type.
 */
export async function* readMessages(
  method: DescMethod,
  registry: Registry,
  { json, stdin }: MessageInput,
): AsyncGenerator<Message> {
  const takesStream =
    method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  if (takesStream && (json === undefined || json === "-")) {
    let line = 0;
    for await (const text of createInterface({ input: stdin })) {
      line += 1;
      if (text.trim() === "") continue;
      yield toMessage(method, registry, parse(text, `line ${line} of standard input`));
    }
    return;
  }
  const text =
    json === "-" ? await readInput("-", { cwd: "", stdin }, MAX_INPUT_BYTES) : (json ?? "{}");
  const value = parse(text, json === "-" ? "standard input" : "the message");
  if (takesStream && Array.isArray(value))
    for (const item of value) yield toMessage(method, registry, item);
  else yield toMessage(method, registry, value);
}

/** Standard input as one message may be this long: API Gateway takes no larger one. */
const MAX_INPUT_BYTES = 32 * 1024 * 1024;

function parse(text: string, what: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`${what} is no JSON: ${why}`);
  }
}

function toMessage(method: DescMethod, registry: Registry, value: JsonValue): Message {
  try {
    return fromJson(method.input, value, { registry });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fields = method.input.fields.map(({ jsonName }) => jsonName).join(", ") || "none";
    throw new InputError(`not a ${method.input.typeName}: ${why}; its fields: ${fields}`);
  }
}
