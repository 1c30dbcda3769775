import {
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { InputError } from "../command.ts";

/** The types of a descriptor image. Throws InputError naming the file when the bytes are no image with imports. */
export function readImage(imageFile: string, image: Uint8Array): FileRegistry {
  try {
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fix = "make it with `npx buf build -o gen/descriptor.pb`";
    throw new InputError(`${imageFile} is no descriptor image with imports (${why}); ${fix}`);
  }
}

/**
 * A method by `pkg.Service/Method` (or `pkg.Service.Method`). Throws InputError that names what the image has.
 */
export function findMethod(registry: FileRegistry, name: string, imageFile: string): DescMethod {
  const [serviceName, methodName] = splitMethod(name);
  const service = registry.getService(serviceName);
  const method = service?.methods.find((one) => one.name === methodName);
  if (method !== undefined) return method;
  const services = [...registry].filter((type) => type.kind === "service");
  const known = service === undefined ? services.flatMap((one) => one.methods) : service.methods;
  const names = known.map(printMethod).slice(0, MAX_NAMES);
  const missing = service === undefined ? `no service ${serviceName}` : `no method ${methodName}`;
  const has = names.length === 0 ? "it has no methods" : `it has ${names.join(", ")}`;
  throw new InputError(`${missing} in ${imageFile}: ${has}`);
}

/** echo.EchoServer/SayHello */
export function printMethod({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

const MAX_NAMES = 20;

function splitMethod(name: string): [service: string, method: string] {
  const bare = name.replace(/^\//, "");
  const at = bare.includes("/") ? bare.indexOf("/") : bare.lastIndexOf(".");
  if (at <= 0 || at === bare.length - 1)
    throw new InputError(
      `${name} is no method: write it as SERVICE/METHOD, echo.EchoServer/SayHello`,
    );
  return [bare.slice(0, at), bare.slice(at + 1)];
}
