import { BinaryReader, type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A frame of the suite may be this long, in bytes. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** The messages of a stream, each behind its length: u32, big endian. Rejects on a frame that is cut short. */
export async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let read: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    read = Buffer.concat([read, chunk]);
    while (read.length >= 4) {
      const length = read.readUInt32BE(0);
      if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes`);
      if (read.length < 4 + length) break;
      yield read.subarray(4, 4 + length);
      read = read.subarray(4 + length);
    }
  }
  if (read.length > 0) throw new Error(`${read.length} bytes behind the last whole frame`);
}

/** One message behind its length; of a scalar that stands twice the last one wins, so `more` overwrites. */
export function frameOf(message: Uint8Array, more?: BinaryWriter): Buffer {
  const bytes = Buffer.concat([message, more?.finish() ?? new Uint8Array()]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A message's scalars and submessages, by field number; of one that stands twice, the last. */
export class Fields {
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #numbers = new Map<number, number>();

  constructor(message: Uint8Array) {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (type === WireType.LengthDelimited) this.#bytes.set(field, reader.bytes());
      else if (type === WireType.Varint) this.#numbers.set(field, Number(reader.uint64()));
      else reader.skip(type, field);
    }
  }

  number(field: number): number {
    return this.#numbers.get(field) ?? 0;
  }

  text(field: number): string {
    return Buffer.from(this.bytes(field)).toString("utf8");
  }

  bytes(field: number): Uint8Array {
    return this.#bytes.get(field) ?? new Uint8Array();
  }
}
