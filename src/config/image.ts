import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
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
  let files: FileDescriptorSet;
  try {
    files = fromBinary(FileDescriptorSetSchema, image);
  } catch {
    // What the decoder says ("premature EOF") helps nobody.
    return refuse("this is no binary FileDescriptorSet", `${REBUILD}; JSON and .proto are none`);
  }
  if (files.file.length === 0) return refuse("the image holds no proto file", REBUILD);
  try {
    return createFileRegistry(files);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, MAX_REASON) : "";
    if (reason.startsWith("Cannot find ")) {
      return refuse(
        `the image lacks an import: ${reason}`,
        `${REBUILD}, which takes imports along`,
      );
    }
    return refuse(`the image contradicts itself: ${reason}`, REBUILD);
  }
}

/** Most characters of the library's own words in a message. */
const MAX_REASON = 200;
const REBUILD = "Make it with: npx buf build -o gen/descriptor.pb";
