/** 16 lower-case hex digits, so that two instances never meet. */
export function instanceId(random: () => number): string {
  return draw("0123456789abcdef", 16, random);
}

/** SERVICE-00001-abc, as Cloud Run names its revisions: the how-manieth it is, and three random letters. */
export function revisionName(service: string, count: number, random: () => number): string {
  const letters = draw("abcdefghijklmnopqrstuvwxyz", 3, random);
  return `${service}-${String(count).padStart(5, "0")}-${letters}`;
}

function draw(alphabet: string, count: number, random: () => number): string {
  return Array.from({ length: count }, () =>
    alphabet.charAt(Math.floor(random() * alphabet.length)),
  ).join("");
}
