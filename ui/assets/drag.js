// Moving a sentence by its handle.

const KIND = "application/x-radraft-sentence";

/** Let rows be dragged to a place in `list`; `onDrop(id, index)` counts without the row itself. */
export function attachDrag(list, onDrop) {
  /** Where it would go, as it is marked. */
  let marked = null;
  const mark = (place) => {
    for (const row of list.children) row.classList.remove("rd-drop-before", "rd-drop-after");
    place?.row?.classList.add(place.after ? "rd-drop-after" : "rd-drop-before");
    marked = place;
  };
  list.addEventListener("dragstart", (event) => {
    const row = event.target.closest?.(".rd-sentence");
    if (!row || !event.target.closest(".rd-handle")) return;
    event.dataTransfer.setData(KIND, row.dataset.id);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setDragImage(row, 8, 8);
    row.classList.add("rd-dragged");
  });
  list.addEventListener("dragend", (event) => {
    event.target.closest?.(".rd-sentence")?.classList.remove("rd-dragged");
    mark(null);
  });
  list.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(KIND)) return;
    event.preventDefault();
    mark(target(list, event.clientY));
  });
  list.addEventListener("dragleave", () => mark(null));
  list.addEventListener("drop", (event) => {
    const id = event.dataTransfer.getData(KIND);
    if (!id) return;
    event.preventDefault();
    event.stopPropagation();
    // What lies above the rows may have moved them since: it goes where it was shown to go.
    const place = marked ?? target(list, event.clientY);
    mark(null);
    onDrop(id, indexOf(list, id, place));
  });
}

function target(list, y) {
  const rows = [...list.children];
  const below = rows.find((row) => middle(row) >= y);
  return below ? { row: below, after: false } : { row: rows.at(-1), after: true };
}

/** The index of a place among the rows without that of `id`. */
function indexOf(list, id, { row, after }) {
  const before = [...list.children].slice(0, row ? [...list.children].indexOf(row) + Number(after) : 0);
  return before.filter((other) => other.dataset.id !== id).length;
}

function middle(row) {
  const box = row.getBoundingClientRect();
  return box.top + box.height / 2;
}
