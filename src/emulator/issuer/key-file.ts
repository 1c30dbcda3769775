import type { AccountKey } from "./issuer-state.ts";
import { numericIdOf } from "./tokens.ts";

/** A service-account key file as Google's CreateServiceAccountKey gives it. `private_key` is a secret. */
export interface ServiceAccountKeyFile {
  readonly type: "service_account";
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly client_id: string;
  readonly auth_uri: string;
  /** The local issuer's. */
  readonly token_uri: string;
  readonly auth_provider_x509_cert_url: string;
  readonly client_x509_cert_url: string;
  readonly universe_domain: string;
}

/** @param origin the issuer's, e.g. http://127.0.0.1:43121 */
export function keyFile(email: string, key: AccountKey, origin: string): ServiceAccountKeyFile {
  return {
    type: "service_account",
    project_id: /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1] ?? "callpath-local",
    private_key_id: key.keyId,
    private_key: key.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    client_email: email,
    client_id: numericIdOf(email),
    auth_uri: "https://accounts.google.com/o/oauth2/auth",
    token_uri: `${origin}/token`,
    auth_provider_x509_cert_url: `${origin}/oauth2/v1/certs`,
    client_x509_cert_url: `${origin}/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
    universe_domain: "googleapis.com",
  };
}
