// The study below the open one in the worklist: its first pictures are there before it is opened.

import { getChanged } from "/ui/api.js";
import { state } from "/ui/state.js";

import type { StudySeries } from "./frames";

/** From the last picture of the open study until the next one's are asked for. */
const QUIET_MS = 800;
let timer = 0;
let known = "";

/** Once the open study is quiet: hand `take` what there is of the next, once. */
export function nextStudy(take: (found: StudySeries) => Promise<void>): void {
  clearTimeout(timer);
  timer = window.setTimeout(async () => {
    const row = document.querySelector<HTMLElement>('.rd-row[aria-current="true"]');
    const next = row?.parentElement?.nextElementSibling?.querySelector<HTMLElement>(".rd-row")?.dataset.case;
    const { caseId } = state;
    if (!next || next === known || next === caseId) return;
    known = next;
    try {
      const found: StudySeries | null = await getChanged(`/cases/${next}/series`, { fresh: true });
      if (found) await take(found);
    } catch {
      // What cannot be had ahead is asked for when the study is opened, and then it is told.
    }
  }, QUIET_MS);
}
