// How fields, blocks, conditions and repeated rows look in the visual editor: in words, from the catalogue of the page.
import { Plugin } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { look } from "editor/schema";

const make = (tag, more = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), more);
  made.append(...inside);
  return made;
};
const put = (text, values) => Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, () => value), text);

// `catalogue()` is what is known of the chosen kind: {fields, rows, blocks}, see app/services/document_catalogue.py.
export class Words {
  constructor(texts, catalogue) {
    this.texts = texts;
    this.catalogue = catalogue;
  }

  find(name) {
    const { fields, rows } = this.catalogue();
    const found = fields.find((each) => each.name === name);
    if (found) return found;
    const of = rows.find((each) => name === each.name || name.startsWith(`${each.name}.`));
    return of?.name === name ? of : of?.fields.find((each) => each.name === name);
  }

  label(name) {
    return this.find(name)?.label ?? name;
  }

  block(name) {
    return this.texts.blocks[name] ?? name;
  }

  condition(marker, name) {
    return put(this.texts[marker === "data-if" ? "only_if" : "only_unless"], { name: this.label(name) });
  }

  repeated(name) {
    return put(this.texts.repeated, { name: this.label(name) });
  }
}

class Chip {
  constructor(inside, names, words = "") {
    for (const each of inside) each.lang ||= document.documentElement.lang;
    this.dom = make("span", { className: names, contentEditable: "false" }, ...inside);
    this.dom.title = words;
  }
}

// A heading of the paper is none of the page around it.
const heading = (node) => {
  const { class: names = "", style = "" } = look(node.attrs.keep);
  const dom = make("div", { className: `ve-h ve-h${node.attrs.level} ${names}`.trim() });
  dom.style.cssText = style;
  return { dom, contentDOM: dom };
};

export const views = (words) => ({
  heading,
  field: (node) => {
    const found = words.find(node.attrs.name);
    const inside = [make("span", { className: "ve-name" }, found?.label ?? node.attrs.name)];
    if (found?.sample) inside.push(make("span", { className: "ve-sample", lang: "en" }, found.sample));
    const conditions = ["data-if", "data-unless"].filter((each) => node.attrs.keep[each]).map((each) => words.condition(each, node.attrs.keep[each]));
    const known = found || ["page", "pages"].includes(node.attrs.name);
    return new Chip(inside, known ? "ve-field" : "ve-field ve-unknown", [known ? node.attrs.name : words.texts.unknown, ...conditions].join(" · "));
  },
  block: (node) => new Chip(
    [make("span", { className: "ve-name" }, words.block(node.attrs.name)), make("span", { className: "ve-sample" }, words.texts.block)],
    "ve-block",
  ),
});

// Where the tag of a block stands: before it, or within it where nothing may stand before it.
const placeOf = (node, at) => {
  if (["list_item", "table_cell", "table_header"].includes(node.type.name)) return at + 1;
  return node.type.name === "table_row" ? at + 2 : at;
};

export const tags = (words, change) => {
  const tag = (text, kind, at, marker) => () => {
    const button = make("button", { type: "button", className: `ve-tag ve-tag-${kind}`, contentEditable: "false", lang: document.documentElement.lang }, text);
    button.title = words.texts.change;
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => change(at, marker));
    return button;
  };
  const draw = (doc) => {
    const found = [];
    doc.descendants((node, at) => {
      if (node.isInline) {
        const some = node.marks.filter((each) => each.type.name === "span");
        for (const { attrs: { keep } } of some) {
          const said = ["data-if", "data-unless"].filter((each) => keep[each]).map((each) => words.condition(each, keep[each]));
          if (said.length) found.push(Decoration.inline(at, at + node.nodeSize, { title: said.join(" · ") }));
        }
        return false;
      }
      const { keep = {}, each } = node.attrs;
      const own = [];
      if (each) own.push([words.repeated(each), "each", "data-each"]);
      for (const marker of ["data-if", "data-unless"]) if (keep[marker]) own.push([words.condition(marker, keep[marker]), "if", marker]);
      own.forEach(([text, kind, marker], order) => {
        found.push(Decoration.widget(placeOf(node, at), tag(text, kind, at, marker), { side: -10 + order, key: `${at}${marker}${text}`, ignoreSelection: true, stopEvent: () => true }));
      });
      if (own.length) found.push(Decoration.node(at, at + node.nodeSize, { class: `ve-marked ve-marked-${own[0][1]}` }));
      return true;
    });
    return DecorationSet.create(doc, found);
  };
  return new Plugin({
    state: { init: (_config, state) => draw(state.doc), apply: (change_, standing, _old, state) => (change_.docChanged || change_.getMeta("redraw") ? draw(state.doc) : standing) },
    props: { decorations(state) { return this.getState(state); } },
  });
};
