import { failedIn, type Measured, metricOf, type Series } from "../summary.ts";
import { type TargetName, targetTitles } from "../targets/target.ts";
import type { BenchRun } from "./results.ts";
import { inDigits } from "./table.ts";

const WIDTH = 860;
const LABEL = 250;
const BAR = 16;
const GAP = 4;
const HEAD = 24;
const BELOW = 14;

const colours: Readonly<Record<TargetName, string>> = {
  callpath: "#1a73e8",
  "callpath-node": "#8ab4f8",
  envoy: "#b06cc4",
  nginx: "#5f9e6e",
};

/** CPU per call as bars, one group a workload, each to its own scale; the thin line spans the rounds. SVG 1.1. */
export function chart({ measured, machine, at, rounds }: BenchRun): string {
  const shown = measured.filter(({ series }) => series.some(({ samples }) => samples.length > 0));
  let y = 54;
  const groups: string[] = [];
  for (const one of shown) {
    groups.push(group(one, y));
    y += HEAD + one.series.length * (BAR + GAP) + BELOW;
  }
  const { envoy, nginx, node } = machine.versions;
  const note = `Node ${node}, Envoy ${envoy}, nginx ${nginx}; ${machine.cpu}; commit ${machine.commit}; ${at.slice(0, 10)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 20}" viewBox="0 0 ${WIDTH} ${y + 20}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="22" font-size="15" font-weight="bold">CPU time of the gateway per RPC, microseconds (less is better)</text>
<text x="12" y="40" fill="#555">median of ${rounds} rounds in turn; the line spans all rounds; each group has its own scale</text>
${groups.join("\n")}
<text x="12" y="${y + 8}" fill="#555">${escaped(note)}</text>
</svg>
`;
}

function group({ workload, series }: Measured, top: number): string {
  const room = WIDTH - LABEL - 130;
  const most = Math.max(...series.map((one) => orZero(metricOf(one, "cpuUs").most)), 1e-9);
  const bars = series.map((one, index) => bar(one, top + HEAD + index * (BAR + GAP), room / most));
  return `<text x="12" y="${top + 16}" font-weight="bold">${escaped(workload.title)}</text>\n${bars.join("\n")}`;
}

function bar(series: Series, y: number, perUs: number): string {
  const { median, least, most } = metricOf(series, "cpuUs");
  const width = orZero(median) * perUs;
  const middle = y + BAR / 2;
  const x = (us: number) => (LABEL + orZero(us) * perUs).toFixed(1);
  const failed = failedIn(series);
  const mark = failed === 0 ? "" : ` (${failed} calls failed)`;
  return [
    `<text x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${escaped(targetTitles[series.target])}</text>`,
    `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${colours[series.target]}"/>`,
    `<line x1="${x(least)}" x2="${x(most)}" y1="${middle}" y2="${middle}" stroke="#222"/>`,
    `<text x="${(Number(x(most)) + 6).toFixed(1)}" y="${y + 12}">${inDigits(median)}${mark}</text>`,
  ].join("\n");
}

function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
