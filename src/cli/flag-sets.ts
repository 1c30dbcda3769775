/** The flags every command has that takes a config. */
export const configFlags = {
  config: {
    type: "string",
    value: "FILE",
    summary: "google.api.Service, YAML or JSON (callpath.yaml: config)",
  },
  image: {
    type: "string",
    value: "FILE",
    summary: "descriptor image with imports (callpath.yaml: image)",
  },
  set: {
    type: "string",
    value: "NAME=VALUE",
    multiple: true,
    summary: "fills in $NAME of the config, before the environment",
  },
} as const;

/** The flags of every command that mints a token of a caller. */
export const callerFlags = {
  audience: { type: "string", value: "AUD", summary: "whom the token is for" },
  "service-account": {
    type: "string",
    value: "FILE",
    summary: "mint with this service-account key",
  },
  impersonate: {
    type: "string",
    value: "EMAIL",
    summary: "mint as that service account with your own credentials",
  },
  as: { type: "string", value: "EMAIL", summary: "mint as anybody, with the running callpath dev" },
  state: {
    type: "string",
    value: "DIR",
    summary: "state folder of the running callpath dev; default .callpath",
  },
} as const;
