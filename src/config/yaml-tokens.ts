import { type CST, Lexer, Parser } from "yaml";

/** Most lexical tokens: a line `key: value` has six. Against: a file of brackets, a fault each. */
export const MAX_TOKENS = 150_000;
/** Deepest nesting. Against: stack overflow by `[[[[…`. */
export const MAX_DEPTH = 64;

export const FEWER = "Write fewer rules: `pkg.Service.*` selects every method of a service";

/** Where a text is no document of a size anybody writes. */
export interface TokenFault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Characters from the start. */
  readonly offset: number;
}

/** Depth and number are checked while parsing: what comes after it recurses, and makes an object for each fault. */
export function readTokens(
  text: string,
  onNewLine: (offset: number) => void,
): CST.Token[] | TokenFault {
  const tokens: CST.Token[] = [];
  const parser = new Parser(onNewLine);
  onNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (++count > MAX_TOKENS) {
      const message = `the document has more than ${MAX_TOKENS} words and signs`;
      return { code: "too-large", message, hint: FEWER, offset: parser.offset };
    }
    if (parser.stack.length > MAX_DEPTH + 2) {
      const message = `the document nests deeper than ${MAX_DEPTH} levels here`;
      const hint = "Flatten it; indent what stands in brackets deeper than its key";
      return { code: "too-deep", message, hint, offset: parser.offset };
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}
