import { setFlagsFromString } from "node:v8";

/**
 * Make V8's heap fit for many short calls; to be called before the first one. While the young generation is still
 * small, most of what the calls in flight hold survives a collection. V8 takes it for long-lived, puts such objects into
 * the old generation from then on (allocation-site pretenuring), and they hold there what dies young. Without it, four
 * connections with 100 calls each cost a fifth less CPU time and 80 MiB less memory.
 */
export function tuneHeap(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
