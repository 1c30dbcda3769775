import type { DescMethod, DescService, FileRegistry } from "@bufbuild/protobuf";
import { didYouMean } from "./did-you-mean.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import type { ServiceDocument } from "./service-document.ts";

/** Most methods a configuration may have; a rule costs time for each. */
export const MAX_METHODS = 10_000;

/** The methods that `apis` names, found in the image. */
export interface Apis {
  /** Every method of every listed service. */
  readonly methods: readonly DescMethod[];
  /** Services of the image that `apis` does not list (IN-3). */
  readonly hiddenServices: readonly DescService[];
  /** False: some API was not found, so a selector that matches nothing may be right. */
  readonly complete: boolean;
}

/** Find the services that `apis` lists (IN-1 to IN-4); without an image they are only counted. */
export function resolveApis(
  { service, places }: ServiceDocument,
  image: FileRegistry | undefined,
  problems: ProblemList,
): Apis {
  const field = places.field(service, "apis");
  if (service.apis.length === 0 && !field.faulty) {
    const message = "no API is listed, so nothing would be served";
    const hint = "Write apis: [{ name: pkg.Service }]";
    problems.error(field.at, { code: "no-apis", message, path: "apis", hint });
  }
  const all = image === undefined ? [] : servicesOf(image);
  const listed = new Map<string, DescService>();
  const seen = new Set<string>();
  let complete = image !== undefined && !field.faulty;
  for (const api of service.apis) {
    const { at, path, faulty } = places.field(api, "name");
    const found = all.find(({ typeName }) => typeName === api.name);
    if (faulty) complete = false;
    else if (api.name === "") {
      const message = "this API has no name";
      const hint = "Write name: pkg.Service, as the proto file names it";
      problems.error(at, { code: "missing-field", message, path, hint });
      complete = false;
    } else if (seen.has(api.name)) {
      const message = `${api.name} is listed twice`;
      problems.error(at, { code: "duplicate-api", message, path, hint: "Remove one of them" });
    } else if (found !== undefined) listed.set(api.name, found);
    // IN-4: skipped silently.
    else if (image !== undefined && !api.name.startsWith("google.discovery")) {
      problems.error(at, { code: "unknown-api", path, ...unknownApi(api.name, all) });
      complete = false;
    }
    seen.add(api.name);
  }
  const methods = [...listed.values()].flatMap((found) => found.methods);
  if (methods.length > MAX_METHODS) {
    const message = `the listed APIs have more than ${MAX_METHODS} methods`;
    const hint = "List fewer";
    problems.error(field.at, { code: "too-large", message, path: "apis", hint });
    return { methods: [], hiddenServices: [], complete: false };
  }
  const hiddenServices = all.filter(({ typeName }) => !seen.has(typeName));
  return { methods, hiddenServices, complete };
}

/** echo.EchoServer.SayHello */
export function selectorOf(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}

/** /echo.EchoServer/SayHello */
export function grpcPathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function servicesOf(image: FileRegistry): readonly DescService[] {
  const services: DescService[] = [];
  for (const type of image) if (type.kind === "service") services.push(type);
  return services;
}

function unknownApi(name: string, all: readonly DescService[]) {
  const message = `the image has no service ${quote(name)}`;
  const names = all.map(({ typeName }) => typeName);
  const close = names.find((full) => full.endsWith(`.${name}`)) ?? didYouMean(name, names);
  const rebuild = "if the proto is newer than the image: npx buf build -o gen/descriptor.pb";
  const shown = names.slice(0, MAX_NAMES).join(", ");
  const known = names.length === 0 ? "It has no service at all" : `It has ${shown}`;
  return { message, hint: `${close === undefined ? known : `Did you mean ${close}?`}; ${rebuild}` };
}

/** Most services that a hint lists. */
const MAX_NAMES = 8;
