import { KeyServer } from "../../gateway-in-the-middle.ts";
import { googleClaims, TokenMaker } from "../../token-maker.ts";

/** A token is used for so long, on the issuer's clock; then another is minted. */
const USED_FOR_MS = 60_000;

/** An issuer that rotates as Google does: a key is published before it signs, and stays for a while after its last token. */
export class KeyRing {
  readonly server: KeyServer;
  readonly #nowMs: () => number;
  #published = [new TokenMaker("key-1")];
  #made = 1;
  #token = "";
  #mintedAtMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.server = new KeyServer("");
    this.#publish();
  }

  /** Which key is published first, signs; the next one is there for whoever fetches. */
  publishNext(): void {
    this.#published.push(new TokenMaker(`key-${++this.#made}`));
    this.#publish();
  }

  signWithNext(): void {
    this.#token = "";
    this.#published.reverse();
  }

  retireOld(): void {
    this.#published.length = 1;
    this.#publish();
  }

  /** A token for an audience that every gateway accepts which fetched keys since the last publishNext. */
  token(audience: string): string {
    const now = this.#nowMs();
    if (this.#token === "" || now > this.#mintedAtMs + USED_FOR_MS) {
      this.#token = this.mint(audience, now);
      this.#mintedAtMs = now;
    }
    return this.#token;
  }

  mint(audience: string, nowMs: number): string {
    const [signing] = this.#published;
    if (signing === undefined) throw new Error("no key is published");
    return signing.mint(googleClaims(nowMs, audience));
  }

  #publish(): void {
    const keys = this.#published.flatMap(
      ({ jwks }) => (JSON.parse(jwks) as { keys: object[] }).keys,
    );
    this.server.answer = { status: 200, body: JSON.stringify({ keys }) };
  }
}
