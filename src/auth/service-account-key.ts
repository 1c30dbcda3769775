import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { type JsonObject, parseJsonObject } from "./parse-json.ts";

/** What is used of a Google service-account key file. */
export interface ServiceAccountKey {
  readonly clientEmail: string;
  /** PEM: never printed, never logged. */
  readonly privateKey: string;
  readonly privateKeyId: string | undefined;
  /** Where the key is exchanged for tokens. */
  readonly tokenUri: URL;
}

export const googleTokenUri = "https://oauth2.googleapis.com/token";

/** A key file has about 2.4 KB. Against: a wrong path that names something huge. */
const maxKeyFileBytes = 64 * 1024;

/** Read a key file. Throws an Error that names the file, what is wrong with it, and the fix; never what is in it. */
export function readServiceAccountKey(file: string): ServiceAccountKey {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new Error(`cannot read the key file ${file} (${why}). ${keyFileFix}`, { cause: error });
  }
  const json = text.length > maxKeyFileBytes ? undefined : parseJsonObject(text);
  if (json === undefined)
    throw new Error(`${file} is no service-account key file: it is not JSON. ${keyFileFix}`);
  return parseServiceAccountKey(json, file);
}

/** Take what is needed out of a parsed key file. `name` stands for it in messages. Throws as readServiceAccountKey does. */
export function parseServiceAccountKey(json: object, name: string): ServiceAccountKey {
  const fields = json as JsonObject;
  const refuse = (why: string): never => {
    throw new Error(`${name} is no service-account key file: ${why}. ${keyFileFix}`);
  };
  if (fields.type !== "service_account")
    return refuse(
      `its type is ${typeof fields.type === "string" ? `"${fields.type}"` : "missing"}, not "service_account"`,
    );
  const text = (field: string): string => {
    const value = fields[field];
    return typeof value === "string" && value !== "" ? value : refuse(`it has no ${field}`);
  };
  const privateKey = text("private_key");
  try {
    createPrivateKey(privateKey);
  } catch {
    return refuse("its private_key is no PEM private key"); // not the cause: it may quote the key
  }
  const tokenUri = fields.token_uri === undefined ? googleTokenUri : text("token_uri");
  if (!URL.canParse(tokenUri) || !/^https?:$/.test(new URL(tokenUri).protocol))
    return refuse("its token_uri is no http(s) address");
  const { private_key_id: keyId } = fields;
  return {
    clientEmail: text("client_email"),
    privateKey,
    privateKeyId: typeof keyId === "string" ? keyId : undefined,
    tokenUri: new URL(tokenUri),
  };
}

const keyFileFix =
  "Make one with: gcloud iam service-accounts keys create FILE --iam-account EMAIL, or take the one that callpath dev prints.";
