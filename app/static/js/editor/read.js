// From the source of a template to what the visual editor edits, or a refusal with what it cannot represent.
// Nothing is guessed and nothing dropped: what is not read here stays source.
import { TableMap } from "prosemirror-tables";
import { KEPT, LINK, NAME, schema } from "editor/schema";

export class Unfit extends Error {}

const MARKS = { a: "link", b: "strong", strong: "strong", i: "em", em: "em", u: "u", s: "s", sub: "sub", sup: "sup", small: "small", span: "span" };
const FLOW = new Set(["p", "h1", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "hr", "div", "table"]);
const SECTIONS = ["thead", "tbody", "tfoot"];
const SPACE = /[ \t\n\r\f]+/g;
export const isSpace = (text) => /^[ \t\n\r\f]*$/.test(text);
export const keepsSpaces = (element) =>
  Boolean(element) && (element.classList.contains("lines") || /white-space\s*:\s*(pre|break)/i.test(element.getAttribute("style") ?? "") || keepsSpaces(element.parentElement));

export const parsed = (source) => new DOMParser().parseFromString(source, "text/html").body;

const refuse = (what) => { throw new Unfit(what); };
const told = (element) => `<${element.localName}>`;

// Return what an element carries: {keep, …}; `more` are the attributes beyond those of all.
const carried = (element, more = []) => {
  const found = { keep: {} };
  for (const { name, value } of element.attributes) {
    if (KEPT.includes(name)) found.keep[name] = value;
    else if (more.includes(name)) found[name] = value;
    else refuse(`${told(element)} ${name}="${value.slice(0, 40)}"`);
    if (name.startsWith("data-") && !NAME.test(value)) refuse(`${name}="${value.slice(0, 40)}"`);
  }
  return found;
};

const text = (node, marks, into) => {
  const spaced = node.data.replace(SPACE, " ");
  if (spaced !== node.data && keepsSpaces(node.parentElement)) refuse(told(node.parentElement));
  if (spaced) into.push({ type: "text", text: spaced, marks });
};

const inline = (nodes, marks, into) => {
  for (const node of nodes) {
    if (node.nodeType === Node.COMMENT_NODE) continue;
    if (node.nodeType === Node.TEXT_NODE) {
      text(node, marks, into);
    } else if (node.localName === "br") {
      into.push({ type: "hard_break", attrs: carried(node), marks });
    } else if (node.localName === "span" && node.hasAttribute("data-field")) {
      const about = carried(node, ["data-field"]);
      into.push({ type: "field", attrs: { keep: about.keep, name: about["data-field"], inside: node.innerHTML }, marks });
    } else {
      const name = MARKS[node.localName] ?? refuse(told(node));
      if (!node.hasChildNodes()) refuse(told(node));
      const about = carried(node, name === "link" ? ["href"] : []);
      const attrs = { keep: about.keep };
      if (name === "link") attrs.href = LINK.test(about.href ?? "") ? about.href : refuse(told(node));
      else if (name !== "span") attrs.tag = node.localName;
      inline(node.childNodes, [...marks, { type: name, attrs }], into);
    }
  }
  return into;
};

// Space at the edges of a line is not to be seen.
const trimmed = (parts) => {
  const found = [...parts];
  while (found[0]?.type === "text") {
    found[0] = { ...found[0], text: found[0].text.replace(/^ +/, "") };
    if (found[0].text) break;
    found.shift();
  }
  while (found.at(-1)?.type === "text") {
    found[found.length - 1] = { ...found.at(-1), text: found.at(-1).text.replace(/ +$/, "") };
    if (found.at(-1).text) break;
    found.pop();
  }
  return found;
};

const words = (element) => trimmed(inline(element.childNodes, [], []));

// Return the blocks of an element; words between them become lines of their own.
const flow = (element) => {
  const found = [];
  let loose = [];
  const close = () => {
    const parts = trimmed(inline(loose, [], []));
    if (parts.length) found.push({ type: "bare", content: parts });
    loose = [];
  };
  for (const node of element.childNodes) {
    if (node.nodeType === Node.ELEMENT_NODE && FLOW.has(node.localName)) {
      close();
      found.push(block(node));
    } else {
      loose.push(node);
    }
  }
  close();
  return found.length ? found : [{ type: "bare" }];
};

const only = (element, tags) => {
  const found = [];
  for (const node of element.childNodes) {
    if (node.nodeType === Node.ELEMENT_NODE && tags.includes(node.localName)) found.push(node);
    else if (node.nodeType === Node.ELEMENT_NODE) refuse(told(node));
    else if (node.nodeType === Node.TEXT_NODE && !isSpace(node.data)) refuse(told(element));
  }
  return found.length ? found : refuse(told(element));
};

const cellOf = (node) => {
  const about = carried(node, ["colspan", "rowspan"]);
  const attrs = { keep: about.keep, colspan: Number(about.colspan ?? 1), rowspan: Number(about.rowspan ?? 1) };
  if (!(attrs.colspan >= 1 && attrs.rowspan >= 1)) refuse(told(node));
  return { type: node.localName === "th" ? "table_header" : "table_cell", attrs, content: flow(node) };
};

const table = (element) => {
  const { keep, "data-each": each = "" } = carried(element, ["data-each"]);
  let columns = "";
  const rows = [];
  for (const part of only(element, ["colgroup", ...SECTIONS])) {
    if (part.localName === "colgroup") {
      columns += part.outerHTML;
      continue;
    }
    const section = { tag: part.localName, keep: carried(part).keep };
    for (const row of only(part, ["tr"])) {
      rows.push({ type: "table_row", attrs: { ...carried(row), part: section }, content: only(row, ["td", "th"]).map(cellOf) });
    }
  }
  if (!rows.length) refuse(told(element));
  return { type: "table", attrs: { keep, each, columns }, content: rows };
};

const division = (element) => {
  const about = carried(element, ["data-block", "data-each"]);
  if (about["data-block"] && !about["data-each"]) {
    return { type: "block", attrs: { keep: about.keep, name: about["data-block"], inside: element.innerHTML } };
  }
  if (about["data-block"]) refuse(told(element));
  if (element.getAttribute("class") === "page-break" && element.attributes.length === 1 && !element.hasChildNodes()) return { type: "page_break" };
  return { type: "frame", attrs: { keep: about.keep, each: about["data-each"] ?? "" }, content: flow(element) };
};

const block = (element) => {
  const tag = element.localName;
  if (tag === "p") return { type: "paragraph", attrs: carried(element), content: words(element) };
  if (/^h[1-4]$/.test(tag)) return { type: "heading", attrs: { ...carried(element), level: Number(tag[1]) }, content: words(element) };
  if (tag === "blockquote") return { type: "blockquote", attrs: carried(element), content: flow(element) };
  if (tag === "hr") return { type: "rule", attrs: carried(element) };
  if (tag === "table") return table(element);
  if (tag === "div") return division(element);
  if (tag === "ul" || tag === "ol") {
    const { keep, "data-each": each = "" } = carried(element, ["data-each"]);
    const items = only(element, ["li"]).map((one) => ({ type: "list_item", attrs: carried(one), content: flow(one) }));
    return { type: tag === "ul" ? "bullet_list" : "ordered_list", attrs: { keep, each }, content: items };
  }
  return refuse(told(element));
};

// Return the document of a source. Raises Unfit with what cannot be represented.
export const read = (source) => {
  const body = parsed(source);
  const content = isSpace(body.textContent) && !body.children.length ? [{ type: "paragraph" }] : flow(body);
  const doc = schema.nodeFromJSON({ type: "doc", content });
  try {
    doc.check();
  } catch (fault) {
    if (fault instanceof RangeError) refuse(fault.message);
    throw fault;
  }
  doc.descendants((node) => {
    if (node.type === schema.nodes.table && TableMap.get(node).problems) refuse("<table>");
  });
  return doc;
};
