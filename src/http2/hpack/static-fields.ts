import { headerName } from "./header-name.ts";
import { HpackField } from "./hpack-field.ts";
import { STATIC_TABLE } from "./static-table.ts";

/** The static table as fields; index 0 is none. They belong to every connection at once, so nothing can hang on them. */
export const STATIC_FIELDS: readonly (HpackField | undefined)[] = [
  undefined,
  ...STATIC_TABLE.map(([name, value]) => {
    const field = new HpackField(headerName(name), value, false, false);
    Object.defineProperty(field, "memo", { get: () => undefined, set: () => {} });
    return field;
  }),
];
