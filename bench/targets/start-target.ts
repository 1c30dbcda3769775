import type { Surroundings } from "../surroundings.ts";
import { startCallpath } from "./callpath.ts";
import { startEnvoy } from "./envoy.ts";
import { startNginx } from "./nginx.ts";
import type { Target, TargetName } from "./target.ts";

export function startTarget(around: Surroundings, name: TargetName, tls: boolean): Promise<Target> {
  switch (name) {
    case "callpath":
      return startCallpath(around, { engine: "callpath", tls });
    case "callpath-node":
      return startCallpath(around, { engine: "node", tls });
    case "envoy":
      return startEnvoy(around, tls);
    case "nginx":
      return startNginx(around, tls);
  }
}
