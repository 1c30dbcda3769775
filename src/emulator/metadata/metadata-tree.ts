/** What one instance's metadata server knows. Directories are nested records; a leaf is its text. */
export interface MetadataTree {
  readonly [name: string]: string | MetadataTree;
}

/** Whose metadata it is. */
export interface InstanceFacts {
  /** The service account it runs as. */
  readonly email: string;
  readonly projectId: string;
  readonly projectNumber: string;
  /** E.g. us-central1. */
  readonly region: string;
  /** Lower-case hex. Beginning with 00, as Cloud Run's do, no client takes it for a number. */
  readonly instanceId: string;
}

/**
 * All but tokens, as Cloud Run has it under /computeMetadata/v1/.
 * @see https://cloud.google.com/run/docs/container-contract#metadata-server
 */
export function metadataTree(facts: InstanceFacts): MetadataTree {
  const { email, projectId, projectNumber, region, instanceId } = facts;
  const account: MetadataTree = { aliases: "default", email, scopes: SCOPES.join("\n") };
  return {
    instance: {
      id: instanceId,
      region: `projects/${projectNumber}/regions/${region}`,
      "service-accounts": { default: account, [email]: account },
      zone: `projects/${projectNumber}/zones/${region}-1`,
    },
    project: { "numeric-project-id": projectNumber, "project-id": projectId },
    universe: { "universe-domain": "googleapis.com" },
  };
}

/** The node at a path of names; undefined when there is none. */
export function nodeAt(
  tree: MetadataTree,
  names: readonly string[],
): string | MetadataTree | undefined {
  let node: string | MetadataTree | undefined = tree;
  for (const name of names) {
    node = typeof node === "object" && Object.hasOwn(node, name) ? node[name] : undefined;
  }
  return node;
}

/** A directory as plain clients see it: a name a line, directories with a slash. */
export function listing(directory: MetadataTree, more: readonly string[] = []): string {
  const names = Object.entries(directory).map(([name, node]) =>
    typeof node === "string" ? name : `${name}/`,
  );
  return [...names, ...more]
    .sort()
    .map((line) => `${line}\n`)
    .join("");
}

/** The JSON of `?recursive=true`: names in camel case, as Google writes them. Those that hold lists are lists. */
export function recursiveJson(node: string | MetadataTree, name = ""): unknown {
  if (typeof node === "string") return LISTS.has(name) ? node.split("\n") : node;
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => [camelCase(key), recursiveJson(child, key)]),
  );
}

/** The text of `?recursive=true&alt=text`: a path and a value a line. */
export function recursiveText(node: string | MetadataTree, path = ""): string {
  if (typeof node === "string") return `${path} ${node.replaceAll("\n", " ")}\n`;
  return Object.entries(node)
    .map(([name, child]) => recursiveText(child, path === "" ? name : `${path}/${name}`))
    .join("");
}

function camelCase(name: string): string {
  return name.includes("@")
    ? name
    : name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What Cloud Run's accounts may do is IAM's affair; the scope is always the widest. */
export const SCOPES: readonly string[] = ["https://www.googleapis.com/auth/cloud-platform"];
const LISTS: ReadonlySet<string> = new Set(["aliases", "scopes"]);
