// The visual editor of templates of documents: beside each part's source, with a switch between the two.
// What counts is the field with the source: it is written as one types, and sent with the form.
import { baseKeymap, chainCommands, toggleMark } from "prosemirror-commands";
import { gapCursor } from "prosemirror-gapcursor";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { liftListItem, sinkListItem, splitListItem } from "prosemirror-schema-list";
import { EditorState, Plugin } from "prosemirror-state";
import { goToNextCell, tableEditing } from "prosemirror-tables";
import { EditorView } from "prosemirror-view";
import { out, parts } from "editor/acts";
import { Bar } from "editor/bar";
import { tags, views, Words } from "editor/chips";
import { proved } from "editor/proof";
import { Unfit } from "editor/read";
import { schema } from "editor/schema";
import { write } from "editor/write";

const { nodes, marks } = schema;
const told = (id) => JSON.parse(document.querySelector(id)?.textContent ?? "{}");
const put = (text, values) => Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, () => value), text);
const button = (text, more) => Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: text, ...more });

const brokenLine = (state, dispatch) => {
  dispatch?.(state.tr.replaceSelectionWith(nodes.hard_break.create()).scrollIntoView());
  return true;
};

class Part {
  constructor(field, words) {
    this.field = field;
    this.words = words;
    this.isMargin = field.id !== "body";
    this.view = null;
    this.name = field.labels[0]?.textContent.replace("*", "").trim() ?? field.id;
    const { texts } = words;
    this.toVisual = button(texts.visual, { onclick: () => this.open(true) });
    this.toSource = button(texts.source, { onclick: () => this.close(true) });
    this.switch = Object.assign(document.createElement("div"), { className: "ve-switch" });
    this.switch.setAttribute("role", "group");
    this.switch.setAttribute("aria-label", put(texts.view, { field: this.name }));
    this.switch.append(this.toVisual, this.toSource);
    this.note = Object.assign(document.createElement("p"), { className: "ve-note", hidden: true });
    this.note.setAttribute("role", "status");
    this.place = Object.assign(document.createElement("div"), { className: this.isMargin ? "ve ve-margin" : "ve", hidden: true });
    field.before(this.switch, this.note, this.place);
    field.labels[0]?.addEventListener("click", () => this.view?.focus());
    this.mark();
  }

  mark() {
    this.toVisual.setAttribute("aria-pressed", String(Boolean(this.view)));
    this.toSource.setAttribute("aria-pressed", String(!this.view));
    this.field.hidden = Boolean(this.view);
    this.place.hidden = !this.view;
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  // Go over to the visual editor; where the source does not survive it, say so and stay.
  open(wanted) {
    if (this.view) return;
    let doc = null;
    try {
      doc = proved(this.field.value);
    } catch (fault) {
      if (!(fault instanceof Unfit)) throw fault;
      this.say(put(this.words.texts.kept, { what: fault.message }));
      return;
    }
    this.say("");
    this.standing = { doc, source: this.field.value };
    this.bar = new Bar(this, this.words, this.isMargin);
    this.bar.dom.setAttribute("aria-label", put(this.words.texts.tools, { field: this.name }));
    this.place.replaceChildren(this.bar.dom);
    this.view = new EditorView(this.place, {
      state: EditorState.create({ doc, plugins: this.plugins() }),
      nodeViews: views(this.words),
      attributes: () => this.about(),
      handleClickOn: (_view, _at, _node, _where, event) => {
        if (event.target.closest("a")) event.preventDefault();
        return false;
      },
      // Neither would work here; without them nothing is said of what the policy of the page refuses.
      transformPastedHTML: (html) => html.replace(/<style[\s\S]*?<\/style>/gi, "")
        .replace(/<[^>]*>/g, (tag) => tag.replace(/\son\w+\s*=/gi, " data-off=")),
      dispatchTransaction: (change) => this.changed(change),
    });
    this.bar.show(this.view.state);
    this.mark();
    if (wanted) this.view.focus();
  }

  about() {
    const found = { role: "textbox", "aria-multiline": "true", "aria-label": this.name, class: "ve-page" };
    const described = this.field.getAttribute("aria-describedby");
    if (described) found["aria-describedby"] = described;
    const language = document.querySelector("#language")?.value;
    if (language) found.lang = language;
    return found;
  }

  plugins() {
    return [
      history(),
      keymap({
        "Mod-b": toggleMark(marks.strong), "Mod-i": toggleMark(marks.em), "Mod-u": toggleMark(marks.u),
        "Mod-z": undo, "Mod-y": redo, "Mod-Shift-z": redo,
        "Alt-F10": () => { this.bar.stops.find((each) => each.tabIndex === 0)?.focus(); return true; },
        "Shift-Enter": brokenLine, Enter: splitListItem(nodes.list_item),
        Tab: chainCommands(goToNextCell(1), sinkListItem(nodes.list_item)),
        "Shift-Tab": chainCommands(goToNextCell(-1), liftListItem(nodes.list_item)),
        "Mod-[": out,
      }),
      keymap({ ...baseKeymap, "Mod-Enter": () => false }), // Ctrl+Enter saves the form
      gapCursor(),
      tags(this.words, (at, marker) => (marker === "data-each" ? this.bar.repeat(at) : this.bar.condition(at, marker))),
      parts,
      tableEditing(),
      new Plugin({ props: { handleDOMEvents: { drop: (_view, event) => Boolean(event.dataTransfer?.files.length) } } }),
    ];
  }

  changed(change) {
    const state = this.view.state.apply(change);
    this.view.updateState(state);
    this.bar.show(state);
    if (!change.docChanged) return;
    // What stands there again as it was read is written as it was.
    this.field.value = state.doc.eq(this.standing.doc) ? this.standing.source : write(state.doc);
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  close(wanted) {
    this.say("");
    if (!this.view) return;
    this.view.destroy();
    this.view = null;
    this.place.replaceChildren();
    this.mark();
    if (wanted) this.field.focus();
  }

  // The fields are others, of another kind of document, or the words are in another language.
  redraw() {
    if (!this.view) return;
    this.view.setProps({ nodeViews: views(this.words) });
    this.view.dispatch(this.view.state.tr.setMeta("redraw", true));
  }
}

const start = () => {
  const form = document.querySelector("form.record-form");
  const kind = document.querySelector("#kind");
  const all = told("#editor-catalogue");
  const texts = told("#editor-texts");
  if (!form || !kind || !texts.visual) return;
  const words = new Words(texts, () => all[kind.value] ?? { fields: [], rows: [], blocks: [] });
  const found = ["body", "header", "footer"].map((name) => document.getElementById(name)).filter(Boolean).map((field) => new Part(field, words));
  // A line that was refused is a line of the source.
  for (const part of found) if (part.field.getAttribute("aria-invalid") !== "true") part.open(false);
  for (const each of [kind, document.querySelector("#language")]) each?.addEventListener("change", () => found.forEach((part) => part.redraw()));
};
start();
