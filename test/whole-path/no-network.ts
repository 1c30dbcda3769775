import { appendFileSync } from "node:fs";
import net from "node:net";
import process from "node:process";

/**
 * Loaded into programs of a test (NODE_OPTIONS=--import=…): this machine is all there is. Whoever tries to leave it gets
 * an error, and the file that CALLPATH_TEST_LEFT names says where to.
 */
const { connect } = net.Socket.prototype;

net.Socket.prototype.connect = function connectHere(this: net.Socket, ...args: unknown[]) {
  const host = hostOf(args);
  if (!isHere(host)) {
    const { CALLPATH_TEST_LEFT: file } = process.env;
    if (file !== undefined) appendFileSync(file, `${process.argv.join(" ")}: ${host}\n`);
    throw new Error(`there is no network here: ${host} was asked for`);
  }
  return (connect as (...all: unknown[]) => net.Socket).apply(this, args);
} as typeof connect;

/** net.connect hands on one array of what it was given, options first. */
function hostOf(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  if (typeof first === "object" && first !== null) {
    const { host, path } = first as { readonly host?: string; readonly path?: string };
    return path === undefined ? (host ?? "localhost") : "localhost";
  }
  return typeof first === "number" && typeof second === "string" ? second : "localhost";
}

function isHere(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
