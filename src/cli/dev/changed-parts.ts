/** Which parts of a project a save touched. */
export interface ChangedParts {
  readonly proto: boolean;
  readonly image: boolean;
  readonly config: boolean;
  /** Anything else but the access file, which the instances follow themselves: what they run. */
  readonly server: readonly string[];
}

export interface PartPaths {
  readonly config: string;
  readonly image: string;
  readonly access: string | undefined;
}

/** Sort saved files (absolute) by what has to happen. */
export function changedParts(files: readonly string[], paths: PartPaths): ChangedParts {
  const isProto = (file: string) => file.endsWith(".proto");
  const named = new Set([paths.config, paths.image, paths.access]);
  return {
    proto: files.some(isProto),
    image: files.includes(paths.image),
    config: files.includes(paths.config),
    server: files.filter((file) => !isProto(file) && !named.has(file) && !isEditorsOwn(file)),
  };
}

/** Swap files, backups and half-written files of editors. */
function isEditorsOwn(file: string): boolean {
  return /(~|\.sw[a-z]|\.tmp|\.bak|\.orig)$|(^|\/)(\.#|#|\.[^/]*$|4913$)/.test(file);
}
