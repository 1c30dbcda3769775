import { Code, ConnectError } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";
import { statedRejection } from "../rejection/stated-rejection.ts";
import { type BrokenCall, brokenCall } from "./gateway-connection.ts";

/** Who refused a call, why, and what to change, from the error that the call ended with. */
export function explainError(error: unknown): Rejection {
  const failure = ConnectError.from(error);
  const broken = brokenCall(failure);
  return (
    statedRejection(failure) ??
    (broken === undefined ? undefined : brokenRejection(failure, broken)) ??
    foreignRejection(failure)
  );
}

function brokenRejection(failure: ConnectError, broken: BrokenCall): Rejection {
  const { code, rawMessage: message } = failure;
  const detail = `${broken.kind}: ${broken.code}`;
  if (broken.kind !== "connect" && broken.code !== "ERR_HTTP2_ERROR")
    return { hop: "client", reason: "CALL_RESET", code, message, detail, fix: resetFix };
  const fix = connectFixes.find(([pattern]) => pattern.test(`${broken.code} ${message}`))?.[1];
  return { hop: "client", reason: "CONNECTION_FAILED", code, message, detail, fix: fix ?? hostFix };
}

const resetFix =
  "Call again; if it happens every time, look at the logs of the gateway and the service";
const hostFix = "Check --address, and that something listens there";

const connectFixes: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "Nothing listens there: start it (callpath dev), or correct --address"],
  [/ENOTFOUND|EAI_AGAIN/, "The host name does not resolve: correct --address"],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    "The certificate is for another name: pass the one it has with --servername",
  ],
  [
    /SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_UNTRUSTED/,
    "The certificate is signed by a root this program does not trust: pass it with --cacert (callpath dev: .callpath/ca.pem)",
  ],
  [/CERT_(HAS_EXPIRED|NOT_YET_VALID)/, "Renew the certificate, or correct this machine's clock"],
  [
    /WRONG_VERSION|wrong version|PACKET_LENGTH|EPROTO/,
    "No TLS is spoken there: write --address http://HOST:PORT",
  ],
  [
    /ERR_HTTP2_ERROR|ALPN|no application protocol/i,
    "No HTTP/2 is spoken there: is it the gRPC port, and does it want TLS (--address HOST:PORT)?",
  ],
];

/** An answer without our details, in the words of whoever gave it. */
function foreignRejection({ code, rawMessage: message }: ConnectError): Rejection {
  if (code === Code.DeadlineExceeded) {
    const fix = "Give the call more time, or find out which hop is slow";
    return { hop: "client", reason: "DEADLINE_EXCEEDED", code, message, detail: "", fix };
  }
  return { hop: "server", reason: "SERVICE_ERROR", code, message, detail: "", fix: "" };
}
