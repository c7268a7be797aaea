// The bar of the visual editor: its buttons, what they ask first, and how they show where the cursor stands.
import { toggleMark } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import * as tables from "prosemirror-tables";
import * as acts from "editor/acts";
import { ask, checks, choices, fillSelect, picker } from "editor/ask";
import { LINK, schema } from "editor/schema";

const { nodes, marks } = schema;
const NUMBERS = new Set(["amount", "number"]);
const FRAMED = ["paragraph", "heading", "list_item", "bullet_list", "ordered_list", "table_cell", "table_header", "table_row", "table", "frame", "blockquote", "block", "rule"];
const REPEATED = ["bullet_list", "ordered_list", "table", "frame"];

export const COMMANDS = {
  bold: toggleMark(marks.strong),
  italic: toggleMark(marks.em),
  underline: toggleMark(marks.u),
  left: acts.align(""),
  center: acts.align("center"),
  right: acts.align("right"),
  bullets: acts.list(nodes.bullet_list),
  numbers: acts.list(nodes.ordered_list),
  undo,
  redo,
  page: acts.putBlock(nodes.page_break.create()),
  row_above: tables.addRowBefore,
  row_below: tables.addRowAfter,
  column_before: tables.addColumnBefore,
  column_after: tables.addColumnAfter,
  row_gone: (state, dispatch) => tables.deleteRow(state, dispatch) || tables.deleteTable(state, dispatch),
  column_gone: (state, dispatch) => tables.deleteColumn(state, dispatch) || tables.deleteTable(state, dispatch),
  table_gone: tables.deleteTable,
};
const PRESSED = {
  bold: (state) => hasMark(state, marks.strong),
  italic: (state) => hasMark(state, marks.em),
  underline: (state) => hasMark(state, marks.u),
  link: (state) => hasMark(state, marks.link),
  left: (state) => acts.sideAt(state) === "",
  center: (state) => acts.sideAt(state) === "center",
  right: (state) => acts.sideAt(state) === "right",
  bullets: (state) => acts.around(state).some(({ node }) => node.type === nodes.bullet_list),
  numbers: (state) => acts.around(state).some(({ node }) => node.type === nodes.ordered_list),
};
const hasMark = (state, type) => {
  const { from, to, empty, $from } = state.selection;
  return empty ? Boolean(type.isInSet(state.storedMarks ?? $from.marks())) : state.doc.rangeHasMark(from, to, type);
};

export class Bar {
  constructor(editor, words, isMargin) {
    this.editor = editor;
    this.words = words;
    this.isMargin = isMargin;
    this.dom = document.importNode(document.querySelector("#editor-bar").content, true).firstElementChild;
    if (isMargin) for (const each of this.dom.querySelectorAll("[data-long]")) each.remove();
    this.stops = [...this.dom.querySelectorAll("select, button")];
    this.stops.forEach((each, place) => { each.tabIndex = place ? -1 : 0; });
    this.kind = this.dom.querySelector("[data-kind]");
    this.dom.addEventListener("keydown", (event) => this.walk(event));
    this.dom.addEventListener("focusin", (event) => this.stops.forEach((each) => { each.tabIndex = each === event.target ? 0 : -1; }));
    this.dom.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
    this.dom.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (button && button.getAttribute("aria-disabled") !== "true") this.press(button.dataset.act);
    });
    this.kind.addEventListener("change", () => this.run(acts.style(Number(this.kind.value))));
  }

  get view() { return this.editor.view; }

  run(command) {
    command(this.view.state, this.view.dispatch, this.view);
    this.view.focus();
  }

  walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? this.stops.length - 1 : step && (this.stops.indexOf(event.target) + step + this.stops.length) % this.stops.length;
    if (to === undefined) return;
    event.preventDefault();
    this.stops[to].focus();
  }

  show(state) {
    this.kind.value = acts.kindAt(state);
    for (const button of this.dom.querySelectorAll("[data-act]")) {
      const name = button.dataset.act;
      if (PRESSED[name]) button.setAttribute("aria-pressed", String(PRESSED[name](state)));
      button.setAttribute("aria-disabled", String(Boolean(COMMANDS[name]) && !COMMANDS[name](state)));
    }
  }

  press(name) {
    if (COMMANDS[name]) this.run(COMMANDS[name]);
    else this[name]?.();
  }

  back() {
    return () => this.view.focus();
  }

  // Fields that fit where the cursor stands: those of repeated rows first.
  groups(more = false) {
    const { fields, rows } = this.words.catalogue();
    const within = acts.repeatedAt(this.view.state);
    const found = rows.filter((each) => each.name === within).map((each) => ({ label: each.label, fields: each.fields }));
    const { page, pages, field: general } = this.words.texts;
    if (this.isMargin && !more) found.push({ label: page, fields: [{ name: "page", label: page, sample: "1" }, { name: "pages", label: pages, sample: "3" }] });
    return [...found, { label: general, fields: more ? [...fields, ...rows] : fields }];
  }

  async field() {
    const name = await ask("field", (dialog, done) => picker(dialog, this.groups(), { chosen: (found) => done({ found }) }), null, this.back());
    if (name) this.run(acts.putField(name.found));
  }

  async block() {
    const given = this.words.catalogue().blocks.map((each) => [each, this.words.block(each)]);
    const found = await ask("block", (dialog, done) => choices(dialog.querySelector("[data-blocks]"), given, (name) => done({ name })), null, this.back());
    if (found) this.run(acts.putBlock(nodes.block.create({ name: found.name })));
  }

  async table() {
    const { rows } = this.words.catalogue();
    const free = acts.repeatedAt(this.view.state) ? [] : rows;
    const named = (dialog) => free.find((each) => each.name === dialog.querySelector("[name=each]").value);
    const made = await ask("table", (dialog) => {
      const each = dialog.querySelector("[name=each]");
      fillSelect(each, free.map((one) => [one.name, one.label]));
      each.addEventListener("change", () => {
        const chosen = named(dialog);
        dialog.querySelector("[data-plain]").hidden = Boolean(chosen);
        dialog.querySelector("[data-columns]").hidden = !chosen;
        if (chosen) checks(dialog.querySelector(".ve-checks"), chosen.fields.filter((one) => !one.name.slice(chosen.name.length + 1).includes(".")), 5);
      });
    }, (dialog) => {
      const chosen = named(dialog);
      if (chosen) {
        const ticked = [...dialog.querySelectorAll("[data-columns] input:checked")].map((one) => chosen.fields.find((field) => field.name === one.value));
        return ticked.length ? acts.tableOf(ticked.map((one) => ({ head: one.label, field: one.name, isNumber: NUMBERS.has(one.kind) })), 1, chosen.name) : this.words.texts.choose_field;
      }
      const size = (name, most) => Math.min(most, Math.max(1, Math.trunc(Number(dialog.querySelector(`[name=${name}]`).value)) || 1));
      return acts.tableOf(Array.from({ length: size("columns", 12) }, () => ({})), size("rows", 50));
    }, this.back());
    if (made) this.run(acts.putBlock(made));
  }

  // What a condition or rows can be set on: [[place or "words" or "lines", text]], the innermost first.
  targets(types) {
    const { state } = this.view;
    const { what } = this.words.texts;
    return acts.around(state).filter(({ node }) => types.includes(node.type.name)).map(({ node, at }) => [String(at), what[node.type.name]]);
  }

  async condition(at, marker = "") {
    const { state } = this.view;
    const { what, choose_field: missing, choose } = this.words.texts;
    const node = at === undefined ? null : state.doc.nodeAt(at);
    const given = node ? [[String(at), what[node.type.name]]] : [
      ...(state.selection.empty || !state.selection.$from.sameParent(state.selection.$to) || state.selection.node ? [] : [["words", what.words]]),
      ...this.targets(FRAMED),
      ...(state.selection.node ? [] : [["lines", what.lines]]),
    ];
    if (!given.length) return;
    const first = node ?? (given[0][0] === "words" || given[0][0] === "lines" ? null : state.doc.nodeAt(Number(given[0][0])));
    const keep = first?.attrs.keep ?? acts.wordsAt(state) ?? {};
    const standing = marker || (keep["data-if"] ? "data-if" : keep["data-unless"] ? "data-unless" : "");
    let list = null;
    const found = await ask("condition", (dialog) => {
      fillSelect(dialog.querySelector("[name=what]"), given);
      list = picker(dialog, this.groups(true), { value: keep[standing] ?? "" });
      if (standing) dialog.querySelector(`[name=when][value="${standing}"]`).checked = true;
    }, (dialog) => {
      const next = dialog.querySelector("[name=when]:checked").value;
      const target = dialog.querySelector("[name=what]").value;
      if (next && !list.value()) return missing;
      if (!next && target === "lines") return choose;
      return { target, next, name: list.value() };
    }, this.back());
    if (!found) return;
    const { target, next, name } = found;
    if (target === "words") this.run(next ? acts.setWords(next, name) : acts.clearWords);
    else if (target === "lines") this.run(acts.frame({ keep: { [next]: name } }));
    else if (!next && !standing) this.run(acts.clearWords);
    else this.run(acts.setMarker(Number(target), this.standingOf(Number(target), marker, next), next, name));
  }

  // Which of its two conditions an element loses when another one is set.
  standingOf(at, marker, next) {
    const keep = this.view.state.doc.nodeAt(at)?.attrs.keep ?? {};
    return marker || (keep["data-if"] && keep["data-unless"] ? next : keep["data-if"] ? "data-if" : "data-unless");
  }

  async repeat(at) {
    const { state } = this.view;
    const { rows } = this.words.catalogue();
    const { what, no_rows: none } = this.words.texts;
    const node = at === undefined ? null : state.doc.nodeAt(at);
    const given = node ? [[String(at), what[node.type.name]]] : [...this.targets(REPEATED), ["lines", what.lines]];
    const standing = given[0][0] === "lines" ? "" : state.doc.nodeAt(Number(given[0][0])).attrs.each;
    const found = await ask("repeat", (dialog, done) => {
      fillSelect(dialog.querySelector("[name=what]"), given);
      fillSelect(dialog.querySelector("[name=each]"), rows.map((one) => [one.name, one.label]), standing);
      if (!rows.length) done(none);
    }, (dialog) => ({ target: dialog.querySelector("[name=what]").value, each: dialog.querySelector("[name=each]").value }), this.back());
    if (!found) return;
    if (found.target !== "lines") this.run(acts.setMarker(Number(found.target), "data-each", "data-each", found.each));
    else if (found.each) this.run(acts.frame({ each: found.each }));
  }

  async link() {
    const { state } = this.view;
    const { choose, address } = this.words.texts;
    const standing = [...state.selection.$from.marks(), ...(state.selection.$from.nodeAfter?.marks ?? [])].find((each) => each.type === marks.link);
    const found = await ask("link", (dialog, done) => {
      dialog.querySelector("[name=href]").value = standing?.attrs.href ?? "";
      if (state.selection.empty && !standing) done(choose);
    }, (dialog) => {
      const href = dialog.querySelector("[name=href]").value.trim();
      return !href || LINK.test(href) ? { href } : address;
    }, this.back());
    if (!found) return;
    this.run((now, dispatch) => {
      const [from, to] = now.selection.empty ? acts.reach(now, standing) : [now.selection.from, now.selection.to];
      const change = now.tr.removeMark(from, to, marks.link);
      if (found.href) change.addMark(from, to, marks.link.create({ keep: standing?.attrs.keep ?? {}, href: found.href }));
      dispatch(change);
      return true;
    });
  }
}
