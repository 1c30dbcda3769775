import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { madeImage } from "../../test/made-config.ts";
import { readImage } from "./image.ts";
import { printProblem } from "./problem.ts";
import { ProblemList } from "./problem-list.ts";

const read = (image: Uint8Array) => {
  const problems = new ProblemList();
  const registry = readImage(image, "image.binpb", problems);
  return { registry, printed: problems.sorted().map(printProblem) };
};
const fromText = (text: string) => new TextEncoder().encode(text);

describe("readImage", () => {
  it("reads an Image as buf build writes it, and a FileDescriptorSet without buf's own fields", () => {
    const built = readFileSync("gen/descriptor.pb");
    const plain = fromBinary(FileDescriptorSetSchema, built, { readUnknownFields: false });
    for (const image of [built, toBinary(FileDescriptorSetSchema, plain)]) {
      const { registry, printed } = read(image);
      assert.deepEqual(printed, []);
      assert.equal(registry?.getService("echo.EchoServer")?.methods.length, 2);
    }
  });

  for (const [what, image, message] of [
    ["nothing", new Uint8Array(), "the image is empty"],
    ["a proto file", fromText('syntax = "proto3";\n'), "this is no binary FileDescriptorSet"],
    ["JSON", fromText('{"file":[]}'), "this is no binary FileDescriptorSet"],
    ["a cut image", madeImage.subarray(0, -5), "this is no binary FileDescriptorSet"],
    ["a message of something else", Uint8Array.of(0x78, 1), "the image holds no proto file"],
  ] as const) {
    it(`refuses ${what} and says how to make one`, () => {
      const { registry, printed } = read(image);
      assert.equal(registry, undefined);
      assert.equal(printed.length, 1);
      const [problem = ""] = printed;
      assert.ok(problem.startsWith(`image.binpb:1:1: error: ${message}`), problem);
      assert.match(problem, /npx buf build -o gen\/descriptor[.]pb/);
    });
  }

  it("names an import that the image lacks", () => {
    const set = fromBinary(FileDescriptorSetSchema, madeImage);
    set.file[0]?.dependency.push("google/api/annotations.proto");
    const { printed } = read(toBinary(FileDescriptorSetSchema, set));
    assert.match(
      printed[0] ?? "",
      /lacks an import: Cannot find google\/api\/annotations[.]proto, imported by acme\/v1\/four[.]proto\n {2}Make it .*takes imports along$/,
    );
  });

  it("refuses an image that names a type it does not define", () => {
    const set = fromBinary(FileDescriptorSetSchema, madeImage);
    set.file[0]?.messageType.splice(0);
    const { printed } = read(toBinary(FileDescriptorSetSchema, set));
    assert.match(
      printed[0] ?? "",
      /the image contradicts itself: .*[.]acme[.]v1[.]Empty not found/,
    );
  });

  it("never throws on bytes that are no image, or nearly one", () => {
    const mutation = fc.array(fc.tuple(fc.nat(madeImage.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    const nearly = mutation.map((changes) => {
      const image = new Uint8Array(madeImage);
      for (const [at, byte] of changes) image[at] = byte;
      return image;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly), (image) => {
        const { registry, printed } = read(image);
        assert.equal(registry === undefined, printed.length > 0);
      }),
      { numRuns: 1000 },
    );
  });
});
