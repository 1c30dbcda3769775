import { codeName } from "../../rejection/code-name.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { JoinedCall } from "./joined-call.ts";

/**
 * One call, one line: time, method, status, duration, who called, and the hops as far as it came.
 * `14:02:11  SayHello  OK  3 ms   gateway-client-sa > gateway > cloud run > server 00bf4bf02d01cf61`
 */
export function callLine({ events, outer, principal, rejection }: JoinedCall): string {
  const time = new Date(outer.startedAtMs).toTimeString().slice(0, 8);
  const status = statusOf(outer, rejection?.code);
  const hops = events.map((event) => hopText(event));
  const why =
    rejection === undefined ? "" : `: ${firstLine(rejection.detail || rejection.message)}`;
  // Who refused before it knew who called cannot say who that was.
  const nobody = rejection === undefined || rejection.hop === "server" ? "anonymous" : "caller";
  const who = principal === undefined ? nobody : shortPrincipal(principal);
  const method = outer.path.slice(outer.path.lastIndexOf("/") + 1);
  return `${time}  ${method}  ${status}  ${durationText(outer.durationMs)}   ${[who, ...hops].join(" > ")}${why}`;
}

function hopText({ hop, rejection, instanceId }: TrafficEvent): string {
  const name = hop === "cloud-run" ? "cloud run" : hop;
  const instance = hop === "server" && instanceId !== undefined ? ` ${instanceId}` : "";
  return `${name}${instance}${rejection?.hop === hop ? " x" : ""}`;
}

function statusOf({ grpcStatus, httpStatus }: TrafficEvent, rejected: number | undefined): string {
  if (grpcStatus !== undefined) return codeName(grpcStatus);
  if (rejected !== undefined) return codeName(rejected);
  return httpStatus === undefined ? "reset" : `HTTP ${httpStatus}`;
}

/** gateway-client-sa@project.iam.gserviceaccount.com is known by its first part. */
function shortPrincipal(principal: string): string {
  return principal.replace(/@callpath-local\.iam\.gserviceaccount\.com$/, "");
}

export function durationText(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
