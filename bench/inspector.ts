/** Node's inspector in another process (Chrome DevTools protocol): what it needs to be asked here. */
export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(String(data)));
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the inspector closed"));
    });
  }

  /** @param url ws://… as the program says at start */
  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`no inspector at ${url}`)));
    await promise;
    return new Inspector(socket);
  }

  /** Collect all garbage. */
  async collect(): Promise<void> {
    // What finalizers let go of goes with the second.
    await this.#ask("HeapProfiler.collectGarbage");
    await this.#ask("HeapProfiler.collectGarbage");
  }

  /** Heap in use with what hangs on it (buffers), bytes. */
  async heapBytes(): Promise<number> {
    const expression = "(m => m.heapUsed + m.external)(process.memoryUsage())";
    const answer = await this.#ask("Runtime.evaluate", { expression, returnByValue: true });
    const value = Number(at(at(answer, "result"), "value"));
    if (Number.isNaN(value)) throw new Error("the inspector did not tell the heap's size");
    return value;
  }

  async startProfile(): Promise<void> {
    await this.#ask("Profiler.enable");
    await this.#ask("Profiler.setSamplingInterval", { interval: SAMPLE_EVERY_US });
    await this.#ask("Profiler.start");
  }

  /** The content of a .cpuprofile. */
  async stopProfile(): Promise<unknown> {
    return at(await this.#ask("Profiler.stop"), "profile");
  }

  /** Sample allocations, also of what is collected soon. */
  async startAllocations(): Promise<void> {
    await this.#ask("HeapProfiler.startSampling", {
      samplingInterval: SAMPLE_EVERY_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
  }

  /** The content of a .heapprofile. */
  async stopAllocations(): Promise<unknown> {
    return at(await this.#ask("HeapProfiler.stopSampling"), "profile");
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answer.promise;
  }

  #take(text: string): void {
    const message: unknown = JSON.parse(text);
    const id = Number(at(message, "id"));
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return; // an event
    this.#waiting.delete(id);
    const error = at(message, "error");
    if (error === undefined) waiting.resolve(at(message, "result"));
    else waiting.reject(new Error(`inspector: ${JSON.stringify(error)}`));
  }
}

const SAMPLE_EVERY_US = 250;
const SAMPLE_EVERY_BYTES = 8 * 1024;

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
