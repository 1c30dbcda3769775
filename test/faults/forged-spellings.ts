/** What a caller must not be able to say in the gateway's name. */
export const FORGED = "forged-by-the-caller";

/** What only the gateway says to a service. */
export const names = [
  "x-apigateway-api-userinfo",
  "x-apigateway-api-consumer-type",
  "x-apigateway-api-consumer-number",
  "x-forwarded-authorization",
];

/** How a caller may try to say it over HTTP/2; `passes`: the call goes on, without it. */
export const spellings: readonly {
  readonly how: string;
  readonly passes: boolean;
  readonly fields: (name: string) => [string, string][];
}[] = [
  { how: "as it is", passes: true, fields: (name) => [[name, FORGED]] },
  {
    how: "twice",
    passes: true,
    fields: (name) => [
      [name, FORGED],
      [name, FORGED],
    ],
  },
  { how: "in upper case", passes: false, fields: (name) => [[name.toUpperCase(), FORGED]] },
  { how: "with one capital", passes: false, fields: (name) => [[`X${name.slice(1)}`, FORGED]] },
  {
    how: "with underscores",
    passes: false,
    fields: (name) => [[name.replaceAll("-", "_"), FORGED]],
  },
  {
    how: "with one underscore",
    passes: false,
    fields: (name) => [[name.replace("-", "_"), FORGED]],
  },
  { how: "with a space behind", passes: false, fields: (name) => [[`${name} `, FORGED]] },
  { how: "with a tab before", passes: false, fields: (name) => [[`\t${name}`, FORGED]] },
  { how: "with NUL behind", passes: false, fields: (name) => [[`${name}\0`, FORGED]] },
  { how: "as a pseudo-header", passes: false, fields: (name) => [[`:${name}`, FORGED]] },
  {
    how: "behind CR and LF in a value",
    passes: false,
    fields: (name) => [["x-a", `1\r\n${name}: ${FORGED}`]],
  },
  {
    how: "behind LF in a value",
    passes: false,
    fields: (name) => [["x-a", `1\n${name}: ${FORGED}`]],
  },
  {
    how: "behind CR in a value",
    passes: false,
    fields: (name) => [["x-a", `1\r${name}: ${FORGED}`]],
  },
  { how: "behind NUL in a value", passes: false, fields: () => [["x-a", `1\0${FORGED}`]] },
  {
    how: "behind CR and LF in a name",
    passes: false,
    fields: (name) => [[`x-a: 1\r\n${name}`, FORGED]],
  },
];

/** The same over HTTP/1.1, as lines of a head or of trailers. */
export const spellings1: readonly {
  readonly how: string;
  readonly lines: (name: string) => string;
}[] = [
  { how: "as it is", lines: (name) => `${name}: ${FORGED}` },
  {
    how: "in upper case, twice",
    lines: (name) => `${name.toUpperCase()}: ${FORGED}\r\n${name}:${FORGED}`,
  },
  { how: "with underscores", lines: (name) => `${name.replaceAll("-", "_")}: ${FORGED}` },
  { how: "with a space before the colon", lines: (name) => `${name} : ${FORGED}` },
  { how: "with a space before it", lines: (name) => `x-a: 1\r\n ${name}: ${FORGED}` },
  { how: "behind a bare LF", lines: (name) => `x-a: 1\n${name}: ${FORGED}` },
  { how: "behind a bare CR", lines: (name) => `x-a: 1\r${name}: ${FORGED}` },
  { how: "behind NUL", lines: (name) => `x-a: 1\0${name}: ${FORGED}` },
  { how: "named in connection too", lines: (name) => `connection: ${name}\r\n${name}: ${FORGED}` },
];
