// Images that a retention rule dropped: which are left, and what is said of the rest.

import { formatDate, t } from "/ui/i18n.js";

/** The key images of a CaseView that were not dropped. */
export function imagesThere({ images, dropped }) {
  return dropped ? images.filter((image) => dropped.kept.includes(image.image_id)) : images;
}

/** Sentence `key` with the day on which images were `dropped`; empty where none were. */
export function droppedWords(dropped, key) {
  return dropped ? t(key, { date: formatDate(dropped.at).slice(0, 10) }) : "";
}
