/** A line of JSON is a few hundred bytes. Against: a worker that writes without an end. In characters. */
const MAX_LINE = 1_000_000;

/** Takes a stream's text as it comes and gives whole lines on, as many as there are, each with its end. A line that is never ended goes nowhere. */
export function wholeLines(give: (lines: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const end = text.lastIndexOf("\n") + 1;
    if (end === 0) {
      rest = rest.length + text.length > MAX_LINE ? "" : rest + text;
      return;
    }
    give(rest + text.slice(0, end));
    rest = text.slice(end);
  };
}
