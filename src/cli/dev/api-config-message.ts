import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  type ApiConfig,
  ApiConfigSchema,
} from "../../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";

export interface ApiConfigOptions {
  /** The config as the user wrote it, and as it goes into messages. */
  readonly text: string;
  readonly file: string;
  readonly image: Uint8Array;
  readonly imageFile: string;
  readonly values: Readonly<Record<string, string>>;
  /** Email of the account whose tokens the backend gets. */
  readonly account: string;
}

/** What `gcloud api-gateway api-configs create` sends, and an id that follows from the content: the same again is no change. */
export function apiConfigMessage(options: ApiConfigOptions): { id: string; message: ApiConfig } {
  const { text, file, image, imageFile, values, account } = options;
  const contents = Buffer.from(fillText(text, values));
  const hash = createHash("sha256").update(contents).update(image).update(account);
  return {
    id: `cfg-${hash.digest("hex").slice(0, 12)}`,
    message: create(ApiConfigSchema, {
      managedServiceConfigs: [{ path: file, contents }],
      grpcServices: [{ fileDescriptorSet: { path: imageFile, contents: image } }],
      gatewayServiceAccount: `projects/-/serviceAccounts/${account}`,
    }),
  };
}

/**
 * The template as text, as envsubst would fill it, so that every line stays where it is. Names without a value are left:
 * where they matter, loading the template has said so.
 */
export function fillText(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g,
    (reference, bare?: string, braced?: string) => {
      if (reference === "$$") return "$";
      const name = bare ?? braced ?? "";
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      return value === undefined || /[\r\n]/.test(value) ? reference : value;
    },
  );
}
