import { causeText } from "../../auth/fetch-text.ts";

/**
 * Reads the config again and has it served, one at a time; what is asked meanwhile is done once more after it. A config
 * that is broken is told, and the old one keeps serving.
 */
export function configReloader<T>(
  load: () => T,
  serve: (loaded: T) => Promise<void>,
  note: (line: string) => void,
): () => void {
  let isLoading = false;
  let again = false;
  const run = async () => {
    try {
      await serve(load());
      note("the new config serves");
    } catch (error) {
      note(`${causeText(error)}\nthe old config keeps serving`);
    }
  };
  const reload = () => {
    again = isLoading;
    if (isLoading) return;
    isLoading = true;
    void run().finally(() => {
      isLoading = false;
      if (again) reload();
    });
  };
  return reload;
}
