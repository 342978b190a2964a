// One text of a sentence: a ProseMirror view over a line of plain characters.
//
// It shows what the report's model says and tells its owner what a person made of it. While an input method is
// composing, its characters are in the view alone: the model gets what was chosen, and nothing is put over it meanwhile.

import { EditorState, Plugin, TextSelection, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, EditorView } from "prosemirror-view";
import { cleaned, difference, linesOf, put, schema } from "./text";

export interface Span {
  start: number;
  end: number;
  attributes: Record<string, string>;
}

export interface Selection {
  start: number;
  end: number;
}

/** Who holds the fields. */
export interface Owner {
  /** A person made `text` of it. */
  typed(field: TextField, text: string): void;
  /** The cursor moved, came or went. */
  moved(field: TextField): void;
  /** A key was pressed in it; whether that is dealt with. */
  key(field: TextField, event: KeyboardEvent): boolean;
  /** Lines to be put in place of what is selected. */
  pasted(field: TextField, lines: string[], at: Selection): void;
  /** What was typed is more than it may hold, and was not taken. */
  tooLong(): void;
}

const OF_MODEL = "model";
/** What a browser would do to the markup, or undo on its own. */
const REFUSED = /^(format|history|insert(Paragraph|LineBreak|HorizontalRule|OrderedList|UnorderedList|Link))/;

export class TextField {
  readonly view: EditorView;
  readonly lang: string;
  private readonly owner: Owner;
  private readonly most: number;
  private readOnly = false;
  private spans: Span[] = [];
  /** Its text when the input method began, and what the model said of it since; null while none is at work. */
  private composed: { base: string; theirs: string } | null = null;
  private told = "";

  /** `lang`: "zh" or "en"; `most`: how many characters it may hold. */
  constructor(owner: Owner, lang: string, most: number) {
    this.owner = owner;
    this.lang = lang;
    this.most = most;
    this.view = new EditorView(null, {
      state: EditorState.create({ schema, plugins: [this.bound()] }),
      attributes: (state) => ({
        class: state.doc.content.size ? "rd-text" : "rd-text rd-blank",
        role: "textbox",
        "aria-multiline": "false",
        "aria-readonly": String(this.readOnly),
        lang: lang === "zh" ? "zh-CN" : "en",
        "data-lang": lang,
        spellcheck: "false",
        autocorrect: "off",
        autocapitalize: "off",
        tabindex: "0",
      }),
      editable: () => !this.readOnly,
      decorations: (state) => this.decorations(state),
      dispatchTransaction: (transaction) => this.dispatch(transaction),
      handleKeyDown: (_, event) => this.keyed(event),
      handlePaste: (_, event) => this.paste(event.clipboardData?.getData("text/plain") ?? "", this.selection),
      handleDrop: (view, event) => this.dropped(view, event),
      handleDOMEvents: {
        beforeinput: (_, event) => {
          if (!REFUSED.test(event.inputType)) return false;
          event.preventDefault();
          return true;
        },
        compositionstart: () => this.compositionBegins(),
        compositionend: () => {
          // ProseMirror reads the last of it from the page right after this event.
          setTimeout(() => {
            if (!this.view.composing) this.endComposition();
          });
          return false;
        },
        focus: () => this.focused(),
        blur: () => {
          setTimeout(() => this.owner.moved(this));
          return false;
        },
      },
    });
  }

  get dom(): HTMLElement {
    return this.view.dom;
  }

  /** Its characters, those an input method is composing among them. */
  get text(): string {
    return this.view.state.doc.textContent;
  }

  /** Whether an input method holds characters that the model has not been told of. */
  get composing(): boolean {
    return this.composed !== null;
  }

  get selection(): Selection {
    const { from, to } = this.view.state.selection;
    return { start: from, end: to };
  }

  /** Show `text`; the cursor stays at its words, or stands behind the last where nobody is typing. */
  show(text: string): void {
    if (this.composed) {
      this.composed.theirs = text;
      return;
    }
    this.told = text;
    if (text === this.text) return;
    const transaction = this.replaced(text);
    if (!this.view.hasFocus()) transaction.setSelection(TextSelection.create(transaction.doc, text.length));
    this.view.dispatch(transaction.setMeta(OF_MODEL, true));
  }

  label(label: string, placeholder: string): void {
    const { dom } = this;
    if (dom.getAttribute("aria-label") !== label) dom.setAttribute("aria-label", label);
    if (dom.dataset.placeholder !== placeholder) dom.dataset.placeholder = placeholder;
  }

  setReadOnly(readOnly: boolean): void {
    if (this.readOnly === readOnly) return;
    this.readOnly = readOnly;
    this.view.setProps({});
  }

  /** Mark these words; each of them lies within the text, and none over another. */
  mark(spans: Span[]): void {
    if (this.composed || JSON.stringify(spans) === JSON.stringify(this.spans)) return;
    this.spans = spans;
    this.view.setProps({});
  }

  /** Put `text` in place of `start` to `end`, as a person who types; `select` [start, end] of it afterwards. */
  replace(start: number, end: number, text: string, select: [number, number] | null): boolean {
    const words = cleaned(text);
    if (this.readOnly || this.composed || this.text.length - (end - start) + words.length > this.most) return false;
    const transaction = this.view.state.tr.insertText(words, start, end);
    const [from, to] = select ?? [words.length, words.length];
    this.view.dispatch(transaction.setSelection(TextSelection.create(transaction.doc, start + from, start + to)));
    return true;
  }

  /** Put the cursor in it: from `start` to `end`, or where it was. */
  focus(start: number | null = null, end = start): void {
    if (start !== null && !this.composed) this.select(start, end ?? start);
    this.view.focus();
  }

  /** Where the cursor is on the screen; null where that is nowhere. */
  caretBox(): DOMRect | null {
    if (!this.dom.isConnected) return null;
    const { left, right, top, bottom } = this.view.coordsAtPos(this.selection.end);
    return new DOMRect(left, top, right - left, bottom - top);
  }

  /** Whether the cursor is in its first ("up") or last ("down") line. */
  atEdge(side: "up" | "down"): boolean {
    return this.view.endOfTextblock(side);
  }

  destroy(): void {
    this.view.destroy();
  }

  private select(start: number, end: number): void {
    const { state } = this.view;
    const within = (at: number) => Math.max(0, Math.min(at, state.doc.content.size));
    this.view.dispatch(state.tr.setSelection(TextSelection.create(state.doc, within(start), within(end))));
  }

  private dispatch(transaction: Transaction): void {
    const { state, transactions } = this.view.state.applyTransaction(transaction);
    this.view.updateState(state);
    if (transaction.getMeta(OF_MODEL)) return;
    if (transactions.some((each) => each.docChanged) && !this.composed) this.tell();
    this.owner.moved(this);
  }

  /** Tell the owner of a text that he has not heard of. */
  private tell(): void {
    const { text } = this;
    if (text === this.told) return;
    this.told = text;
    this.owner.typed(this, text);
  }

  private replaced(text: string): Transaction {
    const { from, to, end } = difference(this.text, text);
    return this.view.state.tr.insertText(text.slice(from, end), from, to);
  }

  /** Nothing becomes longer than it may be; no character gets in that is none of a line of text. */
  private bound(): Plugin {
    return new Plugin({
      filterTransaction: (transaction, state) => {
        const grows = transaction.doc.content.size > state.doc.content.size;
        if (transaction.getMeta(OF_MODEL) || this.composed || !grows || transaction.doc.content.size <= this.most) return true;
        this.owner.tooLong();
        return false;
      },
      appendTransaction: (_, __, state) => {
        if (this.composed) return null;
        const text = cleaned(state.doc.textContent);
        if (text === state.doc.textContent) return null;
        const { from, to, end } = difference(state.doc.textContent, text);
        return state.tr.insertText(text.slice(from, end), from, to);
      },
    });
  }

  private decorations({ doc }: EditorState): DecorationSet {
    const within = this.spans.filter(({ start, end }) => start < end && end <= doc.content.size);
    return DecorationSet.create(
      doc,
      within.map(({ start, end, attributes }) => Decoration.inline(start, end, { nodeName: "u", ...attributes })),
    );
  }

  private keyed(event: KeyboardEvent): boolean {
    if (this.composed || event.isComposing) return false;
    const taken = this.owner.key(this, event);
    if (taken) event.preventDefault();
    return taken;
  }

  private paste(text: string, at: Selection): boolean {
    const lines = linesOf(text);
    if (lines.length && !this.readOnly) this.owner.pasted(this, lines, at);
    // Also of what was not taken nothing gets in.
    return true;
  }

  private dropped(view: EditorView, event: DragEvent): boolean {
    // Words dragged within this text.
    if (view.dragging) return false;
    const text = event.dataTransfer?.getData("text/plain") ?? "";
    const found = text && view.posAtCoords({ left: event.clientX, top: event.clientY });
    if (!found) return true;
    return this.paste(text, { start: found.pos, end: found.pos });
  }

  private compositionBegins(): boolean {
    if (!this.readOnly) this.composed ??= { base: this.told, theirs: this.told };
    return false;
  }

  /** Take what an input method has put into the view. */
  endComposition(): void {
    if (!this.composed) return;
    const { base, theirs } = this.composed;
    this.composed = null;
    const text = put(base, cleaned(this.text), theirs);
    const fits = text.length <= this.most;
    const shown = fits ? text : theirs;
    if (shown !== this.text) this.view.dispatch(this.replaced(shown).setMeta(OF_MODEL, true));
    this.told = theirs;
    this.tell();
    if (!fits) this.owner.tooLong();
    this.owner.moved(this);
  }

  /** The browser would put the cursor at the beginning: it stands where it stood. */
  private focused(): boolean {
    const { selection } = this.view.state;
    const anchor = this.view.domAtPos(selection.anchor);
    const head = this.view.domAtPos(selection.head);
    this.dom.ownerDocument.getSelection()?.setBaseAndExtent(anchor.node, anchor.offset, head.node, head.offset);
    setTimeout(() => this.owner.moved(this));
    return false;
  }
}
