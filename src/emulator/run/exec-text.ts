/**
 * A command for a shell such that, where it is one program with its words, the program takes the shell's place: then it
 * is the process that whoever watches or signals the container reaches. Some shells (dash) would stay above it, know
 * nothing of SIGTERM, and die of it before the program has drained. Any other text comes back as it is.
 */
export function execText(command: string): string {
  const text = command.trim();
  const [first] = /^[\w./-]+(?=\s|$)/.exec(text) ?? [];
  if (first === undefined || SHELL_WORDS.has(first)) return command;
  const bare = text.replaceAll(/'[^']*'|"[^"]*"/g, "");
  return /[;&|<>()`\\\n'"]/.test(bare) ? command : `exec ${text}`;
}

/** What a shell does itself: no program of that name need exist. */
const SHELL_WORDS: ReadonlySet<string> = new Set(
  `. alias bg break case cd command continue do done echo elif else esac eval exec exit export false fc fg fi for
  function getopts hash if in jobs kill local printf pwd read readonly return select set shift source test then time times
  trap true type ulimit umask unalias unset until wait while`.split(/\s+/),
);
