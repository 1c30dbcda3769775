import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pairs } from "../../../test/http2/recorder.ts";
import { Decoder } from "./decoder.ts";
import type { HeaderList } from "./header-list.ts";

const limits = { headerBytes: 60 * 1024, headerFields: 100 };

/** RFC 7541, appendix C: blocks of one connection in turn, and what they mean. */
const vectors: Record<string, [hex: string, fields: [string, string][]][]> = {
  "C.2.1 literal with indexing": [
    ["400a637573746f6d2d6b65790d637573746f6d2d686561646572", [["custom-key", "custom-header"]]],
  ],
  "C.2.2 literal without indexing": [["040c2f73616d706c652f70617468", [[":path", "/sample/path"]]]],
  "C.2.3 never indexed": [["100870617373776f726406736563726574", [["password", "secret"]]]],
  "C.2.4 indexed": [["82", [[":method", "GET"]]]],
  "C.3 requests": [
    ["828684410f7777772e6578616d706c652e636f6d", requestFields("http", "/")],
    [
      "828684be58086e6f2d6361636865",
      [...requestFields("http", "/"), ["cache-control", "no-cache"]],
    ],
    [
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      [...requestFields("https", "/index.html"), ["custom-key", "custom-value"]],
    ],
  ],
  "C.4 requests with Huffman code": [
    ["828684418cf1e3c2e5f23a6ba0ab90f4ff", requestFields("http", "/")],
    ["828684be5886a8eb10649cbf", [...requestFields("http", "/"), ["cache-control", "no-cache"]]],
    [
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      [...requestFields("https", "/index.html"), ["custom-key", "custom-value"]],
    ],
  ],
  "C.5 answers that evict, table of 256": [
    [
      "3fe101" +
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54" +
        "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
      answerFields("302", "21"),
    ],
    ["4803333037c1c0bf", answerFields("307", "21")],
    [
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a6970" +
        "7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
      thirdAnswer(),
    ],
  ],
  "C.6 the same with Huffman code": [
    [
      "3fe101" +
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      answerFields("302", "21"),
    ],
    ["4883640effc1c0bf", answerFields("307", "21")],
    [
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab" +
        "77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      thirdAnswer(),
    ],
  ],
};

describe("Decoder", () => {
  for (const [name, blocks] of Object.entries(vectors)) {
    it(`reads RFC 7541 ${name}`, () => {
      const decoder = new Decoder(limits);
      for (const [hex, fields] of blocks)
        assert.deepEqual(pairs(read(decoder, hex).fields), fields);
    });
  }

  it("gives the same object for the same table entry, and for raw bytes that came twice before", () => {
    const decoder = new Decoder(limits);
    const [inserted] = read(decoder, "400a637573746f6d2d6b65790d637573746f6d2d686561646572").fields;
    assert.equal(read(decoder, "be").fields[0], inserted);
    const never = "100870617373776f726406736563726574";
    read(decoder, never);
    const [second] = read(decoder, never).fields;
    assert.equal(read(decoder, never).fields[0], second);
    assert.equal(second?.sensitive, true);
    // The same bytes under another name, or without the mark, are another field.
    const [path] = read(decoder, "0406736563726574").fields;
    assert.deepEqual(pairs(path === undefined ? [] : [path]), [[":path", "secret"]]);
    assert.equal(read(decoder, "000870617373776f726406736563726574").fields[0]?.sensitive, false);
  });

  for (const [fault, hex] of [
    ["index 0", "80"],
    ["an index beyond the table", "be"],
    ["a cut-off string", "400a6375"],
    ["a cut-off integer", "ff8080"],
    ["an integer without end", "ff80808080808080"],
    ["a table size update after a field", "8220"],
    ["a table larger than allowed", "3fe21f"],
    ["Huffman padding with a zero", "008261001f8100"],
    ["Huffman padding of eight ones", "0081ff0081ffff"],
    ["EOS in a Huffman string", "000161" + "84ffffffff"],
  ] as const) {
    it(`refuses ${fault}`, () => {
      assert.throws(() => read(new Decoder(limits), hex), { name: "HpackError" });
    });
  }

  it("counts a header list beyond the limit without keeping it, and stays in step", () => {
    const decoder = new Decoder({ headerBytes: 8192, headerFields: 100 });
    const value = "b".repeat(4000);
    // One entry of 4 KB, referred to 4000 times: 16 MB if they were kept.
    const list = decoder.decode(
      Buffer.concat([
        Buffer.from("400161", "hex"),
        Buffer.from([0x7f, 0xa1, 0x1e]),
        Buffer.from(value, "latin1"),
        Buffer.alloc(4000, 0xbe),
      ]),
      0,
      3 + 3 + 4000 + 4000,
    );
    assert.equal(list.isTooLarge, true);
    assert.ok(list.fields.length <= 2);
    assert.deepEqual(pairs(read(decoder, "be").fields), [["a", value]]);
  });

  it("does not expand a Huffman string that cannot fit", () => {
    const decoder = new Decoder({ headerBytes: 1000, headerFields: 100 });
    const coded = Buffer.alloc(5000, 0);
    const list = decoder.decode(
      Buffer.concat([Buffer.from("000161", "hex"), Buffer.from([0xff, 0x89, 0x26]), coded]),
      0,
      3 + 3 + 5000,
    );
    assert.equal(list.isTooLarge, true);
    assert.equal(list.fields.length, 0);
  });
});

function read(decoder: Decoder, hex: string): HeaderList {
  const block = Buffer.from(hex, "hex");
  return decoder.decode(block, 0, block.length);
}

function requestFields(scheme: string, path: string): [string, string][] {
  return [
    [":method", "GET"],
    [":scheme", scheme],
    [":path", path],
    [":authority", "www.example.com"],
  ];
}

function answerFields(status: string, second: string): [string, string][] {
  return [
    [":status", status],
    ["cache-control", "private"],
    ["date", `Mon, 21 Oct 2013 20:13:${second} GMT`],
    ["location", "https://www.example.com"],
  ];
}

function thirdAnswer(): [string, string][] {
  return [
    ...answerFields("200", "22"),
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ];
}
