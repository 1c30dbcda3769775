import { loadByGrpcGo } from "./grpc-go.ts";
import { loadByGrpcJs } from "./grpc-js.ts";
import { loadByH2load } from "./h2load.ts";
import type { LoadOptions, LoadResult } from "./load.ts";

/** Call the target for so many seconds with the workload's client. Rejects when the client itself cannot run. */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  switch (options.workload.client) {
    case "h2load":
      return loadByH2load(options);
    case "grpc-go":
      return loadByGrpcGo(options);
    case "grpc-js":
      return loadByGrpcJs(options);
  }
}
