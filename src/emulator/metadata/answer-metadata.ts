import type { Fault } from "../issuer/fault.ts";
import { jsonAnswer, type LocalAnswer, type LocalRequest } from "../issuer/local-server.ts";
import {
  listing,
  type MetadataTree,
  nodeAt,
  recursiveJson,
  recursiveText,
} from "./metadata-tree.ts";

/** Mints for the one account of a metadata server. */
export interface AccountTokens {
  /** The compact JWT. `full`: with claims about the instance. */
  idToken(audience: string, full: boolean, fault: Fault): string;
  /** As the token path answers it: access_token, expires_in, token_type. */
  accessToken(scopes: readonly string[]): Readonly<Record<string, string | number>>;
}

/**
 * Answer as the metadata server of Compute Engine and Cloud Run does: only to who says `Metadata-Flavor: Google`, never
 * to what a proxy passed on.
 * @see https://cloud.google.com/compute/docs/metadata/querying-metadata
 */
export function answerMetadata(
  request: LocalRequest,
  tree: MetadataTree,
  tokens: AccountTokens,
): LocalAnswer {
  const answer = check(request) ?? find(request, tree, tokens);
  return {
    ...answer,
    headers: { ...answer.headers, "metadata-flavor": "Google", server: "Metadata Server for VM" },
  };
}

function check({ method, headers, url }: LocalRequest): LocalAnswer | undefined {
  if (method !== "GET" && method !== "HEAD")
    return html(405, "Method Not Allowed", "Only GET is answered.");
  if (url.pathname === "/") return undefined; // how clients detect the server, without the header too
  if (headers["x-forwarded-for"] !== undefined) {
    return html(
      403,
      "Forbidden",
      "A request with X-Forwarded-For is not answered: it came through a proxy.",
    );
  }
  if (headers["metadata-flavor"] !== "Google")
    return html(403, "Forbidden", "Missing Metadata-Flavor:Google header.");
  return undefined;
}

function find(request: LocalRequest, tree: MetadataTree, tokens: AccountTokens): LocalAnswer {
  const { url } = request;
  if (url.pathname === "/") return text("computeMetadata/\n");
  if (url.searchParams.has("wait_for_change")) {
    return html(
      400,
      "Bad Request",
      "Nothing here changes: wait_for_change is not supported by this local server.",
    );
  }
  const names = namesOf(url.pathname);
  if (names === undefined) return notFound(url.pathname);
  const isDirectoryPath = names.at(-1) === "";
  const path = isDirectoryPath ? names.slice(0, -1) : names;
  const parent = nodeAt(tree, path.slice(0, -1));
  const leaf = path.at(-1);
  const isAccount = typeof parent === "object" && "scopes" in parent;
  if (isAccount && !isDirectoryPath && leaf === "identity") return identity(request, tokens);
  if (isAccount && !isDirectoryPath && leaf === "token") return accessToken(url, tokens);
  const node = nodeAt(tree, path);
  if (node === undefined || (typeof node === "string" && isDirectoryPath))
    return notFound(url.pathname);
  if (typeof node === "string") return leafAnswer(node, leaf ?? "", url);
  if (!isDirectoryPath) return moved(url);
  return directoryAnswer(node, url);
}

/** The path's names under /computeMetadata/v1/; the last is "" for a directory. Undefined: it is not there at all. */
function namesOf(pathname: string): readonly string[] | undefined {
  if (pathname === ROOT.slice(0, -1)) return [];
  if (!pathname.startsWith(ROOT)) return undefined;
  try {
    return pathname.slice(ROOT.length).split("/").map(decodeURIComponent);
  } catch {
    return undefined; // a broken escape names nothing
  }
}

function identity(request: LocalRequest, tokens: AccountTokens): LocalAnswer {
  const { searchParams } = request.url;
  const audience = searchParams.get("audience");
  if (!audience) return html(400, "Bad Request", "non-empty audience parameter required");
  const format = searchParams.get("format") ?? "standard";
  if (format !== "standard" && format !== "full") {
    return html(400, "Bad Request", "format must be standard or full");
  }
  return {
    ...text(tokens.idToken(audience, format === "full", request.fault)),
    headers: { "content-type": "text/html" },
  };
}

function accessToken({ searchParams }: URL, tokens: AccountTokens): LocalAnswer {
  const scopes = (searchParams.get("scopes") ?? "").split(",").filter(Boolean);
  return jsonAnswer(200, tokens.accessToken(scopes));
}

function leafAnswer(value: string, name: string, { searchParams }: URL): LocalAnswer {
  return searchParams.get("alt") === "json"
    ? jsonAnswer(200, recursiveJson(value, name))
    : text(value);
}

function directoryAnswer(directory: MetadataTree, { searchParams }: URL): LocalAnswer {
  const alt = searchParams.get("alt");
  if (searchParams.get("recursive")?.toLowerCase() === "true") {
    return alt === "text"
      ? text(recursiveText(directory))
      : jsonAnswer(200, recursiveJson(directory));
  }
  return text(listing(directory, "scopes" in directory ? ["identity", "token"] : []));
}

/** A directory is asked for with a slash at the end; who leaves it out is sent there. */
function moved({ pathname, search }: URL): LocalAnswer {
  const location = `${pathname}/${search}`;
  return {
    ...html(301, "Moved Permanently", `See ${location}`),
    headers: { location, "content-type": HTML },
  };
}

function text(body: string): LocalAnswer {
  return { status: 200, headers: { "content-type": "application/text" }, body };
}

function notFound(pathname: string): LocalAnswer {
  return html(
    404,
    "Not Found",
    `The requested URL ${escapeHtml(pathname)} was not found on this server.`,
  );
}

function html(status: number, title: string, words: string): LocalAnswer {
  const body = `<!DOCTYPE html>\n<html lang=en>\n<title>Error ${status} (${title})!!1</title>\n<p><b>${status}.</b> <ins>That's an error.</ins>\n<p>${words}\n`;
  return { status, headers: { "content-type": HTML }, body };
}

function escapeHtml(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const ROOT = "/computeMetadata/v1/";
const HTML = "text/html; charset=UTF-8";
