import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ProblemList } from "./problem-list.ts";

/** Largest image, bytes; all of googleapis is a third of it. */
export const MAX_IMAGE_BYTES = 64 * 1024 * 1024;

/**
 * Read a descriptor image: a binary FileDescriptorSet with imports, as `buf build` (whose Image is a superset of it) and
 * `protoc --include_imports` write it. undefined: it is none; the problem says why. Never throws.
 */
export function readImage(
  image: Uint8Array,
  imageFile: string,
  problems: ProblemList,
): FileRegistry | undefined {
  const refuse = (message: string, hint: string): undefined => {
    const at = { file: imageFile, line: 1, column: 1 };
    problems.error(at, { code: "image", message, path: "", hint });
  };
  if (image.length > MAX_IMAGE_BYTES) {
    return refuse(`the image is larger than ${MAX_IMAGE_BYTES} bytes`, REBUILD);
  }
  if (image.length === 0) return refuse("the image is empty", REBUILD);
  try {
    const files = fromBinary(FileDescriptorSetSchema, image);
    if (files.file.length === 0) return refuse("the image holds no proto file", REBUILD);
    return createFileRegistry(files);
  } catch (error) {
    // What a decoder says about bytes that are no image ("invalid wire type 7") helps nobody; a missing import does.
    const reason =
      error instanceof Error ? /^(Unable to resolve|Cannot find) .*/.exec(error.message) : null;
    if (reason !== null) {
      return refuse(
        `the image lacks an import: ${reason[0]}`,
        `${REBUILD}, which takes imports along`,
      );
    }
    return refuse(
      "this is no binary FileDescriptorSet",
      `${REBUILD}; JSON and .proto files are none`,
    );
  }
}

const REBUILD = "Make it with: npx buf build -o gen/descriptor.pb";
