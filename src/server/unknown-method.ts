import { Code } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";

/** What a server answers for a path that is none of its methods: 12, in grpc-go's words. */
export function unknownMethod(path: string, services: ReadonlySet<string>): Rejection {
  const [, service = "", method = ""] = path.match(/^\/([^/?]*)\/([^/?]*)/) ?? [];
  const known = services.has(service);
  const message = known
    ? `unknown method ${method} for service ${service}`
    : `unknown service ${service}`;
  return {
    hop: "server",
    reason: "METHOD_NOT_FOUND",
    code: Code.Unimplemented,
    message,
    detail: `${message}; this server has ${[...services].join(", ")}`,
    fix: known
      ? `Add ${method} to the proto of ${service}, run npx buf generate, and implement it`
      : `Add router.service(${shortName(service)}, …) in server/main.ts, or call one of ${[...services].join(", ")}`,
  };
}

/** The name of its generated stub: EchoServer of echo.EchoServer. */
function shortName(service: string): string {
  return service.slice(service.lastIndexOf(".") + 1) || "Service";
}
