// A series in the words of the lists to choose from.

import { has, t } from "/ui/i18n.js";

/** The label of `series`, as `/frames` and `/series` give it. */
export function seriesLabel(series) {
  const word = (key) => (has(key) ? t(key) : "");
  const thickness = series.thickness === null ? "" : `${series.thickness} mm`;
  return [
    series.number ?? "",
    series.modality,
    word(`role_${series.role}`),
    word(`plane_${series.plane}`),
    word(`contrast_${series.contrast}`),
    word(`kernel_${series.kernel}`),
    thickness,
    t("series_frames", { n: series.frames }),
  ]
    .filter((piece) => piece !== "")
    .join(" · ");
}
