// Small helpers for building elements. Text always arrives as a value, never as markup.

/** Make an element: `h("button", {class: "x", text: t("key"), onclick: f}, child, ...)`. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element in `root` that carries `data-part="name"`. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/** Set text only when it differs, so that polling repaints nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Whether a key press belongs to somebody typing. */
export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable=true]");
}

/** Give `list` exactly the elements of `wanted`, in order, moving as few as possible. */
export function arrange(list, wanted) {
  const keep = new Set(wanted);
  for (const child of [...list.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
}
