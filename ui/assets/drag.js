// Moving a sentence by its handle.

const KIND = "application/x-radraft-sentence";

/** Let rows be dragged to a place in `list`; `onDrop(id, index)` counts without the row itself. */
export function attachDrag(list, onDrop) {
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
    clear(list);
  });
  list.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(KIND)) return;
    event.preventDefault();
    clear(list);
    const { row, after } = target(list, event.clientY);
    row?.classList.add(after ? "rd-drop-after" : "rd-drop-before");
  });
  list.addEventListener("dragleave", () => clear(list));
  list.addEventListener("drop", (event) => {
    const id = event.dataTransfer.getData(KIND);
    if (!id) return;
    event.preventDefault();
    event.stopPropagation();
    clear(list);
    const others = [...list.children].filter((row) => row.dataset.id !== id);
    const before = others.filter((row) => middle(row) < event.clientY).length;
    onDrop(id, before);
  });
}

function target(list, y) {
  const rows = [...list.children];
  const below = rows.find((row) => middle(row) >= y);
  return below ? { row: below, after: false } : { row: rows.at(-1), after: true };
}

function middle(row) {
  const box = row.getBoundingClientRect();
  return box.top + box.height / 2;
}

function clear(list) {
  for (const row of list.children) row.classList.remove("rd-drop-before", "rd-drop-after");
}
