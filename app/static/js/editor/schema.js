// What the visual editor knows: the elements of the safe HTML of templates, none more. What each carries besides its
// words (class, style, conditions) stands in `keep`, as it was.
import { Schema } from "prosemirror-model";

export const KEPT = ["class", "style", "data-if", "data-unless"];
export const NAME = /^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){0,3}$/;
export const LINK = /^(https:\/\/|mailto:)\S{1,500}$/;
const CLASSES = new Set(["center", "right", "num", "small", "muted", "plain"]);
const SHOWN = /^(color|background-color|font-(size|weight|style)|text-(align|decoration|indent)|padding(-(top|right|bottom|left))?|border(-(top|right|bottom|left))?(-(width|style|color))?|width|vertical-align)$/;
const PLAIN = /^[\w\s.,%#()"'+-]*$/;
const SPAN = /^[1-9][0-9]?$/;

// What of `keep` is to be seen here: our own classes under names of the editor's, and a style that stays in its place.
export const look = (keep = {}, more = "") => {
  const names = (keep.class ?? "").split(/\s+/).filter((each) => CLASSES.has(each)).map((each) => `ve-${each}`);
  const style = (keep.style ?? "").split(";").map((each) => each.split(":").map((part) => part.trim()))
    .filter((each) => each.length === 2 && SHOWN.test(each[0].toLowerCase()) && PLAIN.test(each[1]) && !/url|expression/i.test(each[1]))
    .map((each) => each.join(": ")).join("; ");
  const shown = {};
  const all = [more, ...names].filter(Boolean).join(" ");
  if (all) shown.class = all;
  if (style) shown.style = style;
  if (Object.keys(keep).length) shown["data-keep"] = JSON.stringify(keep);
  return shown;
};

// What was copied here comes with `data-keep`; of what comes from elsewhere only our own classes and markers stay.
const given = (dom) => {
  const keep = {};
  try {
    const told = JSON.parse(dom.getAttribute("data-keep") ?? "null") ?? {};
    for (const name of KEPT) {
      const value = told[name];
      if (typeof value === "string" && value.length < 500 && !/[<>{}]/.test(value) && (!name.startsWith("data-") || NAME.test(value))) keep[name] = value;
    }
  } catch {
    // not ours
  }
  if (dom.hasAttribute("data-keep")) return keep;
  const known = [...dom.classList].filter((each) => CLASSES.has(each));
  if (known.length) keep.class = known.join(" ");
  for (const name of ["data-if", "data-unless"]) {
    if (NAME.test(dom.getAttribute(name) ?? "")) keep[name] = dom.getAttribute(name);
  }
  return keep;
};
const named = (dom, name) => (NAME.test(dom.getAttribute(name) ?? "") ? dom.getAttribute(name) : "");
const keeping = { keep: { default: {} } };
const repeating = { ...keeping, each: { default: "" } };
const simple = (tag, content, more = {}) => ({
  content, attrs: keeping, parseDOM: [{ tag, getAttrs: (dom) => ({ keep: given(dom) }) }],
  toDOM: (node) => [tag, look(node.attrs.keep), 0], ...more,
});
const list = (tag) => ({
  content: "list_item+", group: "flow", attrs: repeating,
  parseDOM: [{ tag, getAttrs: (dom) => ({ keep: given(dom), each: named(dom, "data-each") }) }],
  toDOM: (node) => [tag, { ...look(node.attrs.keep), ...(node.attrs.each ? { "data-each": node.attrs.each } : {}) }, 0],
});
const cell = (tag, role) => ({
  content: "(bare | flow)+", isolating: true, tableRole: role,
  attrs: { ...keeping, colspan: { default: 1 }, rowspan: { default: 1 }, colwidth: { default: null } },
  parseDOM: [{ tag, getAttrs: (dom) => ({ keep: given(dom), colspan: spanOf(dom, "colspan"), rowspan: spanOf(dom, "rowspan") }) }],
  toDOM: (node) => {
    const shown = look(node.attrs.keep);
    if (node.attrs.colspan > 1) shown.colspan = node.attrs.colspan;
    if (node.attrs.rowspan > 1) shown.rowspan = node.attrs.rowspan;
    return [tag, shown, 0];
  },
});
const spanOf = (dom, name) => (SPAN.test(dom.getAttribute(name) ?? "") ? Number(dom.getAttribute(name)) : 1);
const sectionOf = (dom) => {
  const tag = dom.parentElement?.localName ?? "tbody";
  return tag === "thead" || tag === "tfoot" ? { tag, keep: {} } : null;
};

const nodes = {
  doc: { content: "(flow | bare)+" },
  paragraph: simple("p", "inline*", { group: "flow" }),
  // Words without an element around them, as in cells and items of lists.
  bare: { content: "inline*", toDOM: () => ["div", { class: "ve-bare" }, 0] },
  heading: {
    content: "inline*", group: "flow", defining: true, attrs: { ...keeping, level: { default: 1 } },
    parseDOM: [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, getAttrs: (dom) => ({ keep: given(dom), level: Math.min(level, 4) }) })),
    toDOM: (node) => [`h${node.attrs.level}`, look(node.attrs.keep), 0],
  },
  blockquote: simple("blockquote", "(flow | bare)+", { group: "flow", defining: true }),
  bullet_list: list("ul"),
  ordered_list: list("ol"),
  list_item: simple("li", "(bare | flow)+", { defining: true }),
  rule: { group: "flow", attrs: keeping, parseDOM: [{ tag: "hr", getAttrs: (dom) => ({ keep: given(dom) }) }], toDOM: (node) => ["hr", look(node.attrs.keep)] },
  page_break: { group: "flow", parseDOM: [{ tag: "div.page-break", priority: 60 }], toDOM: () => ["div", { class: "ve-page-break page-break" }] },
  // One of our ready parts; what stands inside of it is never printed, and kept.
  block: {
    group: "flow", atom: true, attrs: { ...keeping, name: {}, inside: { default: "" } },
    parseDOM: [{ tag: "div[data-block]", priority: 60, getAttrs: (dom) => (named(dom, "data-block") ? { keep: given(dom), name: named(dom, "data-block") } : false) }],
    toDOM: (node) => ["div", { ...look(node.attrs.keep, "ve-block"), "data-block": node.attrs.name }],
  },
  frame: {
    content: "(flow | bare)+", group: "flow", defining: true, attrs: repeating,
    parseDOM: [{ tag: "div[data-keep], div[data-if], div[data-unless], div[data-each]", getAttrs: (dom) => ({ keep: given(dom), each: named(dom, "data-each") }) }],
    toDOM: (node) => ["div", { ...look(node.attrs.keep, "ve-frame"), "data-keep": JSON.stringify(node.attrs.keep), ...(node.attrs.each ? { "data-each": node.attrs.each } : {}) }, 0],
  },
  table: {
    content: "table_row+", group: "flow", isolating: true, tableRole: "table",
    attrs: { ...repeating, columns: { default: "" } }, // the source of its colgroup
    parseDOM: [{ tag: "table", getAttrs: (dom) => ({ keep: given(dom), each: named(dom, "data-each") }) }],
    toDOM: (node) => ["table", { ...look(node.attrs.keep), ...(node.attrs.each ? { "data-each": node.attrs.each } : {}) }, ["tbody", 0]],
  },
  table_row: { // `part`: the thead, tbody or tfoot around it, {tag, keep}; null is a new row
    content: "(table_cell | table_header)+", tableRole: "row", attrs: { ...keeping, part: { default: null } },
    parseDOM: [{ tag: "tr", getAttrs: (dom) => ({ keep: given(dom), part: sectionOf(dom) }) }],
    toDOM: (node) => ["tr", look(node.attrs.keep), 0],
  },
  table_cell: cell("td", "cell"),
  table_header: cell("th", "header_cell"),
  text: { group: "inline" },
  hard_break: { inline: true, group: "inline", selectable: false, attrs: keeping, parseDOM: [{ tag: "br" }], toDOM: (node) => ["br", look(node.attrs.keep)] },
  field: {
    inline: true, group: "inline", atom: true, attrs: { ...keeping, name: {}, inside: { default: "" } },
    parseDOM: [{ tag: "span[data-field]", priority: 60, getAttrs: (dom) => (named(dom, "data-field") ? { keep: given(dom), name: named(dom, "data-field") } : false) }],
    toDOM: (node) => ["span", { ...look(node.attrs.keep, "ve-field"), "data-field": node.attrs.name }],
    leafText: (node) => `{${node.attrs.name}}`,
  },
};

const mark = (tags, more = {}) => ({
  attrs: { ...keeping, tag: { default: tags[0] } },
  parseDOM: tags.map((tag) => ({ tag, getAttrs: (dom) => ({ keep: given(dom), tag }) })),
  toDOM: (one) => [one.attrs.tag, look(one.attrs.keep), 0], ...more,
});
const marks = {
  link: {
    attrs: { ...keeping, href: {} }, inclusive: false,
    parseDOM: [{ tag: "a[href]", getAttrs: (dom) => (LINK.test(dom.getAttribute("href")) ? { keep: given(dom), href: dom.getAttribute("href") } : false) }],
    toDOM: (one) => ["a", { ...look(one.attrs.keep), title: one.attrs.href, href: one.attrs.href }, 0],
  },
  span: {
    attrs: keeping, excludes: "", inclusive: false,
    parseDOM: [{ tag: "span", consuming: false, getAttrs: (dom) => (Object.keys(given(dom)).length ? { keep: given(dom) } : false) }],
    toDOM: (one) => ["span", look(one.attrs.keep, one.attrs.keep["data-if"] || one.attrs.keep["data-unless"] ? "ve-some" : ""), 0],
  },
  strong: mark(["b", "strong"]),
  em: mark(["i", "em"]),
  u: mark(["u"]),
  s: mark(["s"]),
  sub: mark(["sub"]),
  sup: mark(["sup"]),
  small: mark(["small"]),
};

export const schema = new Schema({ nodes, marks });
