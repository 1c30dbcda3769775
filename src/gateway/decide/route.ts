import type { GatewayModel, Route } from "../../config/model.ts";
import { firstValue, type Head } from "../../http2/head.ts";
import { normalisePath } from "./normalise-path.ts";

export type RouteFound =
  | { readonly kind: "found"; readonly route: Route; readonly path: string }
  | {
      readonly kind: "refused";
      readonly reason: "METHOD_NOT_FOUND" | "HTTP_METHOD_NOT_ALLOWED";
      readonly method: string;
      readonly path: string;
      /** The route whose path matches, where only the HTTP method does not. */
      readonly route: Route | undefined;
    };

/** Which route a call takes (RT-1, RT-2, RT-3, RT-8). The query plays no part, the authority neither (RT-10). */
export function findRoute(model: GatewayModel, head: Head): RouteFound {
  const method = firstValue(head, ":method") ?? "";
  const received = firstValue(head, ":path") ?? "";
  // As nearly all calls come: spelled exactly as the route.
  let route = model.routes.get(received);
  let path = received;
  if (route === undefined) {
    path = normalisePath(received);
    route = model.routes.get(withoutTail(path));
  }
  if (route !== undefined && method === "POST") return { kind: "found", route, path };
  const reason = route === undefined ? "METHOD_NOT_FOUND" : "HTTP_METHOD_NOT_ALLOWED";
  return { kind: "refused", reason, method, path, route };
}

/** Without query, and without one trailing slash. */
function withoutTail(path: string): string {
  const query = path.indexOf("?");
  const end = query === -1 ? path.length : query;
  return path.slice(0, path[end - 1] === "/" ? end - 1 : end);
}
