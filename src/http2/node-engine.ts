import http2 from "node:http2";
import type { Socket } from "node:net";
import type { Engine, Session } from "./exchange.ts";
import { fieldToSend } from "./hpack/hpack-field.ts";
import type { Limits } from "./limits.ts";
import { NodeSession } from "./node-session.ts";

/**
 * The HTTP layer's types served by node:http2: the oracle in tests, and the way out if our own engine fails somebody.
 * Of the limits it keeps those that node:http2 has; floods meet nghttp2's own bounds.
 */
export const nodeEngine: Engine = {
  name: "node",
  field: fieldToSend,
  serve(socket, first, limits, handler): Session {
    if (first !== undefined && first.length > 0) socket.unshift(first);
    const h2 = http2.performServerHandshake(socket, {
      ...bounds(limits),
      settings: {
        ...settings(limits),
        maxConcurrentStreams: limits.streams,
      },
    });
    h2.setLocalWindowSize(limits.sessionWindow);
    return new NodeSession(h2, socket, limits, handler, true);
  },
  connect(socket: Socket, limits, handler): Session {
    const h2 = http2.connect("http://localhost", {
      ...bounds(limits),
      createConnection: () => socket,
      settings: { ...settings(limits), enablePush: false },
    });
    h2.once("connect", () => {
      if (!h2.destroyed) h2.setLocalWindowSize(limits.sessionWindow);
    });
    return new NodeSession(h2, socket, limits, handler, false);
  },
};

function settings(limits: Limits): http2.Settings {
  return { initialWindowSize: limits.streamWindow, maxHeaderListSize: limits.headerBytes };
}

function bounds(
  limits: Limits,
): http2.SessionOptions & { readonly strictSingleValueFields: boolean } {
  return {
    // gRPC metadata may repeat what HTTP says is single; it passes unchanged.
    strictSingleValueFields: false,
    maxHeaderListPairs: limits.headerFields,
    maxSessionMemory: Math.ceil(limits.heldBytes / 1_000_000),
    maxSendHeaderBlockLength: 1 << 20,
  };
}
