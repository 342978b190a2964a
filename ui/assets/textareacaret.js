// Where the cursor is in the rows of text areas, for what writes there beside the keyboard (caret.js).

import { caretMoved, serveCaret } from "/ui/caret.js";

/** As the rows' own text areas have it. */
const MOST = 2000;

/** Serve the cursor of `editor`'s rows. */
export function serveTextareas(editor) {
  let last = null;
  const area = (id, lang) => editor.rows.get(id)?.querySelector(`textarea[data-lang="${lang}"]`);
  const isOwn = (element) => element?.matches?.(".rd-sentence[data-id] textarea[data-lang]") && editor.rows.has(idOf(element));
  serveCaret({
    get focused() {
      return isOwn(document.activeElement);
    },
    caret() {
      const found = last && editor.document && !editor.readOnly && area(last.id, last.lang);
      const place = found && editor.document.find(last.id);
      if (!place) return null;
      return { ...last, section: place.section, text: found.value, start: found.selectionStart, end: found.selectionEnd };
    },
    replaceText({ id, lang }, start, end, text, select) {
      const found = area(id, lang);
      if (!found || editor.readOnly) return false;
      const next = found.value.slice(0, start) + text + found.value.slice(end);
      if (next.length > MOST) return false;
      found.value = next;
      editor.typed(id, lang, found);
      const [from, to] = select ?? [text.length, text.length];
      this.select(id, lang, start + from, start + to);
      return true;
    },
    select(id, lang, start, end) {
      const found = area(id, lang);
      if (!found) return;
      found.focus();
      found.setSelectionRange(start, end);
      caretMoved();
    },
    caretBox() {
      return last ? (area(last.id, last.lang)?.getBoundingClientRect() ?? null) : null;
    },
  });
  for (const event of ["input", "keyup", "click", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      if (!isOwn(target)) return;
      last = { id: idOf(target), lang: target.dataset.lang };
      caretMoved();
    });
  }
  document.addEventListener("focusout", ({ target }) => isOwn(target) && setTimeout(caretMoved));
}

function idOf(element) {
  return element.closest(".rd-sentence").dataset.id;
}
