import { InputError } from "./command.ts";

/** A listener that could not be had, in one line with what to do; undefined for any other error. */
export function listenFault(error: unknown, address: string, flag: string): InputError | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  switch (error.code) {
    case "EADDRINUSE":
      return new InputError(
        `${address} is in use by another program; end it, or choose another with ${flag}`,
      );
    case "EACCES":
      return new InputError(
        `${address} may not be listened on by this user; choose another with ${flag}`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new InputError(
        `${address} is no address of this machine; choose another with ${flag}`,
      );
    default:
      return undefined;
  }
}
