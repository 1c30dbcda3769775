export { type Resource, Store } from "./store.ts";
