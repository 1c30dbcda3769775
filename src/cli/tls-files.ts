import { createPrivateKey, X509Certificate } from "node:crypto";
import { InputError, UsageError } from "./command.ts";
import { readText } from "./project.ts";

/** Certificate and key of a listener, both or none. Throws InputError for files that are not that, or not a pair. */
export function tlsOf(
  certFile: string | undefined,
  keyFile: string | undefined,
  cwd: string,
): { readonly tls?: { readonly cert: string; readonly key: string } } {
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined)
    throw new UsageError("--tls-cert FILE and --tls-key FILE go together");
  const cert = readText(certFile, cwd);
  const key = readText(keyFile, cwd);
  const certificate = read(() => new X509Certificate(cert), `${certFile} is no PEM certificate`);
  const privateKey = read(() => createPrivateKey(key), `${keyFile} is no PEM private key`);
  if (!certificate.checkPrivateKey(privateKey))
    throw new InputError(`${keyFile} is not the key of the certificate in ${certFile}`);
  return { tls: { cert, key } };
}

/** A file of PEM root certificates. Throws InputError. */
export function readRoots(flag: string, file: string, cwd: string): string {
  const pem = readText(file, cwd);
  read(() => new X509Certificate(pem), `--${flag} ${file}: it holds no PEM certificate`);
  return pem;
}

function read<T>(parse: () => T, fault: string): T {
  try {
    return parse();
  } catch (cause) {
    throw new InputError(fault, { cause });
  }
}
