export type { IdToken, TokenSource } from "../auth/token-source.ts";
