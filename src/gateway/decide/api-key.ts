import { firstValue, type Head } from "../../http2/head.ts";
import { queryValue } from "./query.ts";

export type ApiKeyFault = "API_KEY_MISSING" | "API_KEY_INVALID";

/**
 * UC-2, UC-4: a method without `allow_unregistered_calls` needs an API key: query `key`, query `api_key`, header
 * `x-api-key`, the first that is there counts. No key is known here, so each is invalid.
 */
export function checkApiKey(head: Head, path: string): ApiKeyFault {
  const key =
    queryValue(path, "key") ?? queryValue(path, "api_key") ?? firstValue(head, "x-api-key");
  return key === undefined || key === "" ? "API_KEY_MISSING" : "API_KEY_INVALID";
}
