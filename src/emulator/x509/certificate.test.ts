import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import { openLocalCa } from "../ca.ts";
import { createCertificate } from "./certificate.ts";
import { leafConstraints, subjectAltName } from "./extensions.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const folder = () => mkdtempDisposable(join(tmpdir(), "callpath-x509-"));
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe("createCertificate", () => {
  it("signs with RSA too, and keeps the serial number given, made positive", () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const pem = createCertificate({
      subject: "x".repeat(100),
      issuer: "issuer",
      publicKey,
      signingKey: privateKey,
      notBeforeMs: noonMs,
      notAfterMs: Date.UTC(2060, 0, 1),
      serial: Uint8Array.of(0, 0xff, 1),
      extensions: [leafConstraints(), subjectAltName(["localhost"])],
    });
    const certificate = new X509Certificate(pem);
    assert.equal(certificate.verify(publicKey), true);
    assert.equal(certificate.serialNumber, "FF01");
    assert.equal(certificate.subject, `O=Callpath on this machine\nCN=${"x".repeat(64)}`);
    assert.equal(certificate.validToDate.getTime(), Date.UTC(2060, 0, 1));
    assert.ok(pem.split("\n").every((line) => line.length <= 64));
  });

  it("refuses other kinds of keys", () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const content = {
      subject: "s",
      issuer: "i",
      publicKey,
      signingKey: privateKey,
      notBeforeMs: 0,
      notAfterMs: 1,
    };
    assert.throws(
      () => createCertificate({ ...content, extensions: [] }),
      /EC or RSA keys, not ed25519/,
    );
  });
});

describe("a certificate of ours, in the eyes of others", () => {
  it("is believed in a real handshake, for its names only", async () => {
    await using state = await folder();
    // TLS reads the machine's clock, so this authority does too.
    const ca = openLocalCa(state.path, { nowMs: Date.now });
    const server = createServer(ca.issue(["localhost", "127.0.0.1", "echo.example"]), (socket) =>
      socket.end("hello"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const greet = async (servername: string, roots: string): Promise<string> => {
      const socket = connect({ host: "127.0.0.1", port, servername, ca: roots });
      try {
        await once(socket, "secureConnect");
        return String((await once(socket, "data"))[0]);
      } finally {
        socket.destroy();
      }
    };
    try {
      assert.equal(await greet("localhost", ca.certPem), "hello");
      assert.equal(await greet("echo.example", ca.certPem), "hello");
      await assert.rejects(greet("other.example", ca.certPem), {
        code: "ERR_TLS_CERT_ALTNAME_INVALID",
      });
      await using stranger = await folder();
      const strange = openLocalCa(stranger.path, { nowMs: Date.now });
      await assert.rejects(greet("localhost", strange.certPem), {
        code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      });
    } finally {
      server.close();
      await once(server, "close");
    }
  });

  it("passes OpenSSL's strict checks", { skip: !hasOpenssl && "no openssl here" }, async () => {
    await using state = await folder();
    const ca = openLocalCa(state.path, { nowMs: () => noonMs });
    const leaf = join(state.path, "leaf.pem");
    writeFileSync(leaf, ca.issue(["localhost", "127.0.0.1"]).cert);
    const at = `${noonMs / 1000}`;
    const args = [
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-attime",
      at,
      "-CAfile",
      ca.certFile,
    ];
    assert.match(
      execFileSync("openssl", [...args, "-verify_hostname", "localhost", leaf]).toString(),
      /: OK/,
    );
    assert.match(
      execFileSync("openssl", [...args, "-verify_ip", "127.0.0.1", leaf]).toString(),
      /: OK/,
    );
    assert.equal(spawnSync("openssl", [...args, "-verify_hostname", "other", leaf]).status, 2);
  });
});
