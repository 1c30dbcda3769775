import { resolve } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { type CallOptions, createClient, type Transport } from "@connectrpc/connect";
import { EchoRequestSchema, EchoServer } from "../../gen/es/echo/echo_pb.ts";
import {
  AddItemsRequestSchema,
  GetItemRequestSchema,
  InventoryService,
  ListItemsRequestSchema,
  TrackItemsRequestSchema,
} from "../other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { grpcFrame } from "../raw-http2.ts";

/** One RPC of a service, for promises that hold for every kind. */
export interface TestedMethod {
  readonly kind: "unary" | "server streaming" | "client streaming" | "bidi streaming";
  /** /echo.EchoServer/SayHello */
  readonly path: string;
  /** A whole request, as it goes over the wire. */
  readonly request: Buffer;
  /** Call it with the typed client; resolves to the id of the instance that answered. */
  call(transport: Transport, options?: CallOptions): Promise<string>;
}

/** A project that goes through every whole-path test, so that nothing is made for one service alone. */
export interface TestedService {
  /** Where its callpath.yaml lies. */
  readonly folder: string;
  /** Its name on Cloud Run, as callpath.yaml says. */
  readonly name: string;
  /** echo.EchoServer */
  readonly typeName: string;
  readonly unary: TestedMethod;
  /** Every method, the unary one too. */
  readonly methods: readonly TestedMethod[];
}

const hello: TestedMethod = {
  kind: "unary",
  path: "/echo.EchoServer/SayHello",
  request: grpcFrame(Buffer.from(toBinary(EchoRequestSchema, echoRequest("Ada")))),
  async call(transport, options) {
    const { message } = await createClient(EchoServer, transport).sayHello(
      { name: "Ada" },
      options,
    );
    return instanceIn(message);
  },
};

export const echoService: TestedService = {
  folder: resolve(import.meta.dirname, "../.."),
  name: "apiserver-grpc",
  typeName: EchoServer.typeName,
  unary: hello,
  methods: [
    hello,
    {
      kind: "server streaming",
      path: "/echo.EchoServer/SayHelloStream",
      request: hello.request,
      async call(transport, options) {
        const echo = createClient(EchoServer, transport);
        const replies = await Array.fromAsync(echo.sayHelloStream({ name: "Ada" }, options));
        return theOne(replies.map(({ message }) => instanceIn(message)));
      },
    },
  ],
};

const getItem: TestedMethod = {
  kind: "unary",
  path: "/acme.inventory.v1.InventoryService/GetItem",
  request: grpcFrame(
    Buffer.from(
      toBinary(GetItemRequestSchema, { $typeName: "acme.inventory.v1.GetItemRequest", sku: "saw" }),
    ),
  ),
  async call(transport, options) {
    const inventory = createClient(InventoryService, transport);
    const { answeredBy } = await inventory.getItem({ sku: "saw" }, options);
    return answeredBy?.instanceId ?? "";
  },
};

export const inventoryService: TestedService = {
  folder: resolve(import.meta.dirname, "../other-service"),
  name: "inventory",
  typeName: InventoryService.typeName,
  unary: getItem,
  methods: [
    getItem,
    {
      kind: "server streaming",
      path: "/acme.inventory.v1.InventoryService/ListItems",
      request: grpcFrame(
        Buffer.from(
          toBinary(ListItemsRequestSchema, {
            $typeName: "acme.inventory.v1.ListItemsRequest",
            kind: 0,
          }),
        ),
      ),
      async call(transport, options) {
        const inventory = createClient(InventoryService, transport);
        const replies = await Array.fromAsync(inventory.listItems({}, options));
        return theOne(replies.map(({ answeredBy }) => answeredBy?.instanceId));
      },
    },
    {
      kind: "client streaming",
      path: "/acme.inventory.v1.InventoryService/AddItems",
      request: grpcFrame(
        Buffer.from(
          toBinary(AddItemsRequestSchema, { $typeName: "acme.inventory.v1.AddItemsRequest" }),
        ),
      ),
      async call(transport, options) {
        const inventory = createClient(InventoryService, transport);
        const { answeredBy } = await inventory.addItems(
          (async function* () {
            yield { item: { sku: "saw", quantity: 1n } };
            yield { item: { sku: "nail", quantity: 2n } };
          })(),
          options,
        );
        return answeredBy?.instanceId ?? "";
      },
    },
    {
      kind: "bidi streaming",
      path: "/acme.inventory.v1.InventoryService/TrackItems",
      request: trackRequest("saw"),
      async call(transport, options) {
        const inventory = createClient(InventoryService, transport);
        const replies = await Array.fromAsync(
          inventory.trackItems(
            (async function* () {
              yield { sku: "saw" };
              yield { sku: "gold" };
            })(),
            options,
          ),
        );
        return theOne(replies.map(({ answeredBy }) => answeredBy?.instanceId));
      },
    },
  ],
};

export const services = [echoService, inventoryService];

/** One message of TrackItems. */
export function trackRequest(sku: string): Buffer {
  const message = { $typeName: "acme.inventory.v1.TrackItemsRequest" as const, sku };
  return grpcFrame(Buffer.from(toBinary(TrackItemsRequestSchema, message)));
}

/** One message of SayHello. */
export function echoRequest(name: string) {
  return { $typeName: "echo.EchoRequest" as const, name };
}

function instanceIn(message: string): string {
  return message.match(/ from instanceID ([0-9a-f]{16,})$/)?.[1] ?? "";
}

/** All messages of a stream come from one instance. */
function theOne(ids: readonly (string | undefined)[]): string {
  const [id = "", ...others] = new Set(ids);
  if (ids.length < 2 || others.length > 0) throw new Error(`${ids.length} replies from ${ids}`);
  return id;
}
