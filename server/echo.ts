import type { ServiceImpl } from "@connectrpc/connect";
import type { Instance } from "callpath/server";
import type { EchoServer } from "../gen/es/echo/echo_pb.ts";

/** The walkthrough's service: it says who answered. */
export function echo({ revision, instanceId }: Instance): ServiceImpl<typeof EchoServer> {
  return {
    sayHello({ name }, context) {
      context.responseHeader.set("rpcheaderkey", "val");
      context.responseTrailer.set("rpctrailerkey", "val");
      return {
        message: `Hello ${name}  from K_REVISION ${revision} from instanceID ${instanceId}`,
      };
    },
    async *sayHelloStream({ name }, context) {
      context.responseHeader.set("streamheaderkey", "val");
      context.responseTrailer.set("streamtrailerkey", "val");
      yield { message: `Msg1 ${name} from instanceID ${instanceId}` };
      yield { message: `Msg2 ${name} from instanceID ${instanceId}` };
    },
  };
}
