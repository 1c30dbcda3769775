import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openLocalCa } from "./ca.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const dayMs = 86_400_000;
const folder = () => mkdtempDisposable(join(tmpdir(), "callpath-ca-"));

/** Open it, and keep what it says. */
function open(stateDir: string, nowMs = noonMs) {
  const said: string[] = [];
  const ca = openLocalCa(stateDir, { nowMs: () => nowMs, log: (line) => said.push(line) });
  return { ca, said, certificate: new X509Certificate(ca.certPem) };
}

describe("openLocalCa", () => {
  it("makes an authority and keeps it: certificate for all, key 0600", async () => {
    await using state = await folder();
    const first = open(state.path);
    assert.equal(first.ca.certFile, join(state.path, "ca.pem"));
    assert.equal(readFileSync(first.ca.certFile, "utf8"), first.ca.certPem);
    assert.equal(statSync(join(state.path, "ca-key.pem")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(state.path).sort(), ["ca-key.pem", "ca.pem"]);
    const second = open(state.path);
    assert.equal(second.ca.certPem, first.ca.certPem);
    assert.deepEqual([...first.said, ...second.said], []);
  });

  it("is an authority, self-signed, that signs leaves only", async () => {
    await using state = await folder();
    const { certificate } = open(state.path);
    assert.equal(certificate.ca, true);
    assert.equal(certificate.verify(certificate.publicKey), true);
    assert.equal(certificate.checkIssued(certificate), true);
    assert.equal(certificate.validFromDate.getTime(), noonMs - dayMs);
    assert.equal(certificate.validToDate.getTime(), noonMs + 3650 * dayMs);
    assert.match(certificate.subject, /CN=Callpath local CA [0-9a-f]{8}$/);
  });

  it("renews its certificate near the end, under the same key, so that older leaves stay good", async () => {
    await using state = await folder();
    const old = open(state.path);
    const leaf = new X509Certificate(old.ca.issue(["localhost"]).cert);
    const kept = open(state.path, noonMs + 3249 * dayMs);
    assert.equal(kept.ca.certPem, old.ca.certPem);
    const renewed = open(state.path, noonMs + 3251 * dayMs);
    assert.notEqual(renewed.ca.certPem, old.ca.certPem);
    assert.equal(leaf.verify(renewed.certificate.publicKey), true);
    assert.equal(leaf.checkIssued(renewed.certificate), true);
    assert.match(renewed.said.join("\n"), /ca\.pem is renewed: it was valid from .* to /);
  });

  it("renews a certificate that is not valid yet: the clock was set back", async () => {
    await using state = await folder();
    open(state.path);
    const { certificate, said } = open(state.path, noonMs - 2 * dayMs);
    assert.equal(certificate.validFromDate.getTime(), noonMs - 3 * dayMs);
    assert.equal(said.length, 1);
  });

  it("writes a missing certificate again, for the same key", async () => {
    await using state = await folder();
    const { certificate } = open(state.path);
    await using other = await folder();
    writeFileSync(join(other.path, "ca-key.pem"), readFileSync(join(state.path, "ca-key.pem")), {
      mode: 0o600,
    });
    const again = open(other.path);
    assert.deepEqual(
      again.certificate.publicKey.export({ format: "jwk" }),
      certificate.publicKey.export({ format: "jwk" }),
    );
    assert.deepEqual(again.said, []);
  });

  for (const [what, text] of [
    ["empty", ""],
    ["no PEM", "hello"],
    ["cut short", "-----BEGIN CERTIFICATE-----\nMIIB"],
  ] as const) {
    it(`keeps a certificate that is ${what} beside a new one, and says so`, async () => {
      await using state = await folder();
      open(state.path);
      writeFileSync(join(state.path, "ca.pem"), text);
      const { said, certificate } = open(state.path);
      assert.equal(certificate.ca, true);
      assert.equal(said.length, 1);
      const aside = readdirSync(state.path).find((name) =>
        name.startsWith("ca.pem.unusable-2026-01-01T12"),
      );
      assert.equal(readFileSync(join(state.path, aside ?? ""), "utf8"), text);
      assert.ok(said[0]?.includes(`${aside}`), "the new name is said");
    });
  }

  it("keeps somebody else's certificate beside its own, and an own key that is none", async () => {
    await using state = await folder();
    await using other = await folder();
    open(state.path);
    const theirs = open(other.path).ca.certPem;
    writeFileSync(join(state.path, "ca.pem"), theirs);
    writeFileSync(join(state.path, "ca-key.pem"), "PRIVATE but broken");
    const { ca, said } = open(state.path);
    assert.equal(said.length, 2);
    assert.equal(said.join().includes("PRIVATE"), false);
    assert.equal(
      new X509Certificate(ca.issue(["localhost"]).cert).checkIssued(
        new X509Certificate(ca.certPem),
      ),
      true,
    );
    const kept = readdirSync(state.path).filter((name) => name.includes(".unusable-"));
    assert.deepEqual(
      kept.map((name) => readFileSync(join(state.path, name), "utf8")).sort(),
      [theirs, "PRIVATE but broken"].sort(),
    );
  });

  it("does not take an RSA key for its own", async () => {
    await using state = await folder();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    writeFileSync(
      join(state.path, "ca-key.pem"),
      privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    assert.match(open(state.path).said[0] ?? "", /holds no usable EC P-256 key/);
  });

  it("closes a key that others could read", async () => {
    await using state = await folder();
    open(state.path);
    chmodSync(join(state.path, "ca-key.pem"), 0o644);
    assert.match(open(state.path).said.join(), /could be read by others: now 0600/);
    assert.equal(statSync(join(state.path, "ca-key.pem")).mode & 0o777, 0o600);
  });
});

describe("LocalCa.issue", () => {
  it("makes a server certificate for names and addresses, within the authority's time", async () => {
    await using state = await folder();
    const { ca, certificate } = open(state.path);
    const hosts = [
      "localhost",
      "127.0.0.1",
      "::1",
      "www.googleapis.com",
      "*.run.app",
      "bücher.example",
    ];
    const { cert, key } = ca.issue(hosts);
    const leaf = new X509Certificate(cert);
    assert.equal(leaf.ca, false);
    assert.equal(leaf.checkIssued(certificate) && leaf.verify(certificate.publicKey), true);
    assert.equal(
      leaf.subjectAltName,
      "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:www.googleapis.com, DNS:*.run.app, DNS:xn--bcher-kva.example",
    );
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
    assert.equal(leaf.validFromDate.getTime(), noonMs - 3_600_000);
    assert.equal(leaf.validToDate.getTime(), noonMs + 397 * dayMs);
    assert.deepEqual(
      leaf.publicKey.export({ format: "jwk" }),
      createPublicKey(key).export({ format: "jwk" }),
    );
  });

  it("gives every certificate a key and a positive serial number of its own", async () => {
    await using state = await folder();
    const { ca } = open(state.path);
    const issued = Array.from(
      { length: 20 },
      () => new X509Certificate(ca.issue(["localhost"]).cert),
    );
    assert.equal(new Set(issued.map(({ serialNumber }) => serialNumber)).size, 20);
    assert.equal(
      new Set(
        issued.map((leaf) =>
          leaf.publicKey.export({ format: "der", type: "spki" }).toString("hex"),
        ),
      ).size,
      20,
    );
    assert.ok(issued.every(({ serialNumber }) => /^[4-7][0-9A-F]{31}$/.test(serialNumber)));
  });

  it("refuses what is no host, naming it", async () => {
    await using state = await folder();
    const { ca } = open(state.path);
    assert.throws(() => ca.issue([]), /at least one host name/);
    for (const host of [
      "",
      "local host",
      "localhost:8080",
      "https://localhost",
      "a..b",
      "-a",
      "*",
      "a.*.b",
      "x".repeat(254),
    ]) {
      assert.throws(
        () => ca.issue(["localhost", host]),
        (error: Error) => error.message.includes(JSON.stringify(host)),
      );
    }
  });
});
