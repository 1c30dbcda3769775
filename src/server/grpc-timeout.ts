const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout` header: at most 8 digits and a unit. undefined for anything else. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const [, digits, unit] = value?.match(/^(\d{1,8})([HMSmun])$/) ?? [];
  const factor = unit === undefined ? undefined : unitMs[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
}
