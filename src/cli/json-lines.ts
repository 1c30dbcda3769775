import type { Output } from "./command.ts";

/** Objects as lines of JSON, written together once a turn: a busy gateway makes thousands a second. */
export interface JsonLines extends Disposable {
  write(value: object): void;
}

export function jsonLines(output: Output): JsonLines {
  let pending = "";
  let scheduled: NodeJS.Immediate | undefined;
  const flush = () => {
    scheduled = undefined;
    const text = pending;
    pending = "";
    if (text !== "") output.write(text);
  };
  return {
    write(value) {
      pending += `${JSON.stringify(value)}\n`;
      scheduled ??= setImmediate(flush);
    },
    [Symbol.dispose]() {
      clearImmediate(scheduled);
      flush();
    },
  };
}
