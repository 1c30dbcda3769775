import { type AccountKey, accountKey } from "./issuer-state.ts";
import { generateRsaKey } from "./signing-key.ts";

/** The registered keys of service accounts, by email. Calls `onChange` after each change: there is something to save. */
export class AccountKeys {
  readonly #keys: Map<string, AccountKey>;
  readonly #making = new Map<string, Promise<AccountKey>>();
  readonly #onChange: () => void;

  constructor(keys: ReadonlyMap<string, AccountKey>, onChange: () => void) {
    this.#keys = new Map(keys);
    this.#onChange = onChange;
  }

  get all(): ReadonlyMap<string, AccountKey> {
    return this.#keys;
  }

  get(email: string): AccountKey | undefined {
    return this.#keys.get(email);
  }

  /** The account's key; the first to ask has it made. Rejects on what is no email address. */
  async getOrMake(email: string): Promise<AccountKey> {
    if (!EMAIL.test(email)) {
      throw new Error(`not a service account's email address: ${JSON.stringify(email)}`);
    }
    const known = this.#keys.get(email) ?? this.#making.get(email);
    if (known !== undefined) return known;
    const making = this.#make(email).finally(() => this.#making.delete(email));
    this.#making.set(email, making);
    return making;
  }

  delete(email: string): void {
    if (this.#keys.delete(email)) this.#onChange();
  }

  async #make(email: string): Promise<AccountKey> {
    const key = accountKey(await generateRsaKey());
    this.#keys.set(email, key);
    this.#onChange();
    return key;
  }
}

const EMAIL = /^[^\s@/:]{1,64}@[^\s@/:]{1,189}$/;
