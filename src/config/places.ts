import type { Message } from "@bufbuild/protobuf";
import type { Position } from "./problem.ts";
import { fieldPath } from "./yaml-node.ts";

/** Where something of a message was written. */
export interface Place {
  /** The value; for what was not written, the message that lacks it. */
  readonly at: Position;
  /** In proto names. */
  readonly path: string;
}

export interface FieldPlace extends Place {
  /** The field's name; as `at` where it was not written. */
  readonly keyAt: Position;
  readonly written: boolean;
  /** A fault of its value was reported already: say no more about it. */
  readonly faulty: boolean;
  /** Of a list: each item that was read. */
  readonly items: readonly Place[];
}

/** Where each message that was read from a file, and each of its fields, was written. */
export class Places {
  readonly #messages = new WeakMap<Message, Place>();
  readonly #fields = new WeakMap<Message, Map<string, FieldPlace>>();
  readonly #document: Place;

  constructor(document: Position) {
    this.#document = { at: document, path: "" };
  }

  set(message: Message, place: Place): void {
    this.#messages.set(message, place);
    this.#fields.set(message, new Map());
  }

  setField(message: Message, protoName: string, place: FieldPlace): void {
    this.#fields.get(message)?.set(protoName, place);
  }

  of(message: Message): Place {
    return this.#messages.get(message) ?? this.#document;
  }

  /** @param protoName e.g. jwks_uri */
  field(message: Message, protoName: string): FieldPlace {
    const written = this.#fields.get(message)?.get(protoName);
    if (written !== undefined) return written;
    const { at, path } = this.of(message);
    const none = { written: false, faulty: false, items: [] };
    return { at, keyAt: at, path: fieldPath(path, protoName), ...none };
  }
}
