import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execText } from "./exec-text.ts";

describe("execText", () => {
  for (const command of [
    "node server/main.ts",
    "node server/main.ts '--access' 'a; b' \"$PORT\"",
    "go run ./server --grpcport :$PORT",
    "./server",
    "  npm run start:server -- --useMetadata=false ",
  ])
    it(`${command}: one program takes the shell's place`, () => {
      assert.equal(execText(command), `exec ${command.trim()}`);
    });

  for (const command of [
    "",
    "cd server && node main.ts",
    "node a.ts; node b.ts",
    "node a.ts | tee log",
    "node a.ts &",
    "PORT=1 node a.ts",
    "exec node a.ts",
    "exit 3",
    "if true; then node a.ts; fi",
    "(node a.ts)",
    "node a.ts\nnode b.ts",
    "node it\\'s.ts",
    "node 'a.ts",
    "'node' a.ts",
  ])
    it(`${JSON.stringify(command)}: stays as it is`, () => {
      assert.equal(execText(command), command);
    });
});
