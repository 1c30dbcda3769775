import type { Hop } from "./hop.ts";
import type { Story } from "./story.ts";
import type { Step } from "./traffic.ts";

/** A story for people: status and words, how far the call came, what was looked at, the fix. Lines without the last newline. */
export function printStory(story: Story): string {
  const { code, answer, message, steps, fix } = story;
  const head = code === "OK" ? code : `${code}  ${oneLine(answer ?? message)}`;
  const path = printPath(story);
  return [
    head,
    "",
    ...(path === "" ? [] : [`  ${path}`]),
    ...printSteps(steps).map((line) => `    ${line}`),
    ...(fix === "" ? [] : ["", `  fix   ${fix}`]),
  ].join("\n");
}

const names: Readonly<Record<Hop, string>> = {
  client: "client",
  gateway: "gateway",
  "cloud-run": "cloud run",
  server: "server",
};

/** client -> gateway ok -> cloud run x        the server never saw this call */
function printPath({ hop, path }: Story): string {
  if (path.length === 0) return "";
  const reached = path.filter(({ did }) => did !== "never-saw-it" && did !== undefined);
  const missed = path.filter(({ did }) => did === "never-saw-it");
  const marks = reached.map(({ hop, did }) => `${names[hop]} ${did === "refused" ? "x" : "ok"}`);
  const line = [hop === "client" ? "client x" : "client", ...marks].join(" -> ");
  if (missed.length === 0) return line;
  const who = missed.map(({ hop }) => (hop === "server" ? "the server" : names[hop]));
  const last = who.pop();
  return `${line}        ${who.length === 0 ? last : `${who.join(", ")} and ${last}`} never saw this call`;
}

/** Steps of the hop that is told in detail have a column for the verdict; a line that speaks for a whole hop has none. */
function printSteps(steps: readonly Step[]): readonly string[] {
  const ruleWidth = Math.max(...steps.map(({ rule }) => rule.length), 9) + 2;
  const looked = steps.filter(isLookedAt).map(({ detail }) => oneLine(detail).length);
  const seenWidth =
    Math.ceil((Math.max(...looked.filter((width) => width <= maxSeen), 0) + 2) / 4) * 4;
  return steps.map((step) => {
    const { rule, ok, wanted } = step;
    const start = rule.padEnd(ruleWidth);
    const seen = oneLine(step.detail);
    if (!isLookedAt(step)) return `${start}${seen}`;
    const verdict = ok === true ? "ok" : `refused  ${oneLine(wanted ?? "")}`.trimEnd();
    return `${start}${seen.length > maxSeen ? `${seen}  ` : seen.padEnd(seenWidth)}${verdict}`;
  });
}

/** What is longer has its verdict behind it, and does not push the others away. */
const maxSeen = 60;

/** A rule that was looked at; hops that speak in one sentence name themselves as their rule. */
function isLookedAt({ hop, rule, ok }: Step): boolean {
  return ok !== undefined && rule !== names[hop];
}

/** Line breaks of others do not break ours, and nothing of theirs reaches the terminal. */
function oneLine(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, " / ")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\uFFFD");
}
