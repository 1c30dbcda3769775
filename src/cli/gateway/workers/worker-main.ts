import process from "node:process";
import { whenWritten } from "../../process-output.ts";
import { processWorld } from "../../process-world.ts";
import { tuneHeap } from "../tune-heap.ts";
import { PrimaryLink } from "./primary-link.ts";
import { serveWorker } from "./serve-worker.ts";

/** What a worker process runs: only the primary starts it. */
tuneHeap();
const code = await serveWorker(processWorld(), new PrimaryLink(process));
// As in the program's own end: nothing forgotten may keep the process; what it wrote must have left.
await whenWritten(process.stdout, 1000);
process.exit(code);
