import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readAccess } from "./read-access.ts";

const methods = ["echo.EchoServer.SayHello", "echo.EchoServer.SayHelloStream"];
const read = (text: string, values = {}) => readAccess("access.yaml", text, methods, values);

describe("readAccess", () => {
  it("reads every kind of member, names filled in, addresses in lower case", () => {
    const { rules, problems } = read(
      `# comment
rules:
  - selector: "*"
    allow: [user:Ada@Example.com, serviceAccount:sa@$PROJECT_ID.iam.gserviceaccount.com]
  - selector: echo.EchoServer.SayHello, echo.EchoServer.SayHelloStream
    allow:
      - domain:example.com
      - allAuthenticatedUsers
      - allUsers
`,
      { PROJECT_ID: "p" },
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(
      rules?.rules.map(({ allow, at, selector }) => ({
        allow,
        line: at.line,
        text: selector.text,
      })),
      [
        {
          allow: [
            { kind: "user", email: "ada@example.com" },
            { kind: "serviceAccount", email: "sa@p.iam.gserviceaccount.com" },
          ],
          line: 3,
          text: "*",
        },
        {
          allow: [
            { kind: "domain", domain: "example.com" },
            { kind: "allAuthenticatedUsers" },
            { kind: "allUsers" },
          ],
          line: 5,
          text: "echo.EchoServer.SayHello, echo.EchoServer.SayHelloStream",
        },
      ],
    );
  });

  const rule = (selector: string, allow: string): string =>
    `rules:\n  - selector: ${selector}\n    allow: ${allow}\n`;
  for (const [what, text, place, message, hint] of [
    ["an empty file", "", "1:1", /empty/, /./],
    ["no rules", "rules:\n", "1:1", /no rules/, /Write rules:/],
    ["rules that are no list", "rules: {}\n", "1:8", /a list/, /Write/],
    ["an unknown field", `${rule('"*"', "[allUsers]")}roles: []\n`, "4:1", /roles/, /rules/],
    [
      "an unknown field of a rule",
      'rules:\n  - selektor: "*"\n    allow: [allUsers]\n',
      "2:5",
      /selektor/,
      /selector/,
    ],
    [
      "a rule without a selector",
      "rules:\n  - allow: [allUsers]\n",
      "2:5",
      /no selector/,
      /selector: "\*"/,
    ],
    [
      "a selector with slashes",
      rule("echo.EchoServer/SayHello", "[allUsers]"),
      "2:15",
      /slashes/,
      /echo\.EchoServer\.SayHello/,
    ],
    [
      "a selector that matches nothing",
      rule("echo.EchoServer.SayHelo", "[allUsers]"),
      "2:15",
      /SayHelo matches no method/,
      /SayHello/,
    ],
    [
      "a service where a method must stand",
      rule("echo.EchoServer", "[allUsers]"),
      "2:15",
      /matches no method/,
      /echo\.EchoServer\.\*/,
    ],
    [
      "one part of a list that matches nothing",
      rule('"*, nope.*"', "[allUsers]"),
      "2:15",
      /nope\.\* matches no method/,
      /Methods of this server/,
    ],
    [
      "a rule without allow",
      'rules:\n  - selector: "*"\n',
      "2:5",
      /allows nobody/,
      /allow: \[user/,
    ],
    ["an empty allow", rule('"*"', "[]"), "3:12", /allows nobody/, /allow: \[user/],
    ["an allow that is no list", rule('"*"', "allUsers"), "3:12", /a list/, /Write allow:/],
    [
      "an unknown kind of member",
      rule('"*"', "[group:x@example.com]"),
      "3:13",
      /group:x@example\.com is no kind/,
      /user:, serviceAccount:/,
    ],
    [
      "a member without a kind",
      rule('"*"', "[sa@p.iam.gserviceaccount.com]"),
      "3:13",
      /no kind/,
      /serviceAccount:sa@p/,
    ],
    [
      "a user without an address",
      rule('"*"', "[user:ada]"),
      "3:13",
      /no email/,
      /user:NAME@DOMAIN/,
    ],
    [
      "a domain that is an address",
      rule('"*"', '["domain:ada@example.com"]'),
      "3:13",
      /no domain/,
      /domain:example\.com/,
    ],
    [
      "a name without a value",
      rule('"*"', "[user:ada@$NOPE]"),
      "3:22",
      /\$NOPE has no value/,
      /environment/,
    ],
    ["what is not YAML", "rules: [", "1:9", /YAML/, /./],
  ] as const)
    it(`says of ${what} where, what, and what to write instead`, () => {
      const { rules, problems } = read(text);
      assert.equal(rules, undefined);
      const [problem] = problems;
      assert.equal(problem?.severity, "error");
      assert.equal(`${problem?.at.line}:${problem?.at.column}`, place);
      assert.match(problem?.message ?? "", message);
      assert.match(problem?.hint ?? "", hint);
      assert.equal(problem?.at.file, "access.yaml");
    });

  it("reports all mistakes, not the first", () => {
    const { problems } = read("rules:\n  - selector: nope.*\n    allow: [x]\n  - alow: []\n");
    assert.deepEqual(
      problems.map(({ at }) => at.line),
      [2, 3, 4, 4, 4],
    );
  });
});
