import { setTimeout as wait } from "node:timers/promises";
import { fetchText } from "../auth/fetch-text.ts";
import { metadataHeaders, metadataOrigin } from "../auth/metadata-tokens.ts";

/** Which instance of the service this process is. */
export interface Instance {
  /** K_REVISION; `local` outside Cloud Run. */
  readonly revision: string;
  /** Lower-case hex. */
  readonly instanceId: string;
}

/** One request, milliseconds: the server is on the machine or it is not there. */
const REQUEST_MS = 2000;
/** A new instance may be faster than its metadata server. */
const ATTEMPTS = 3;
const PAUSE_MS = 200;

/**
 * What the metadata server says at a path under computeMetadata/v1, e.g. `instance/id`. Rejects with an Error that
 * names the server and the fault.
 *
 * @param host GCE_METADATA_HOST; default 169.254.169.254
 */
export async function readMetadata(path: string, host: string | undefined): Promise<string> {
  const origin = metadataOrigin(host);
  const url = new URL(`/computeMetadata/v1/${path}`, origin);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetchText({ url, headers: metadataHeaders, timeoutMs: REQUEST_MS });
      if (answer.status === 200) return answer.text.trim();
      throw new Error(`it answered ${answer.status} for ${path}`);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      if (attempt === ATTEMPTS)
        throw new Error(`metadata server ${origin.host}: ${why}`, { cause });
    }
    await wait(PAUSE_MS);
  }
}
