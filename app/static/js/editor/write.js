// From what the visual editor edits back to the source of a template: HTML with our markers, a line for each part.
import { schema } from "editor/schema";

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\u00a0", "&nbsp;");
const valued = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("\u00a0", "&nbsp;");
const open = (tag, attributes) =>
  `<${tag}${Object.entries(attributes).filter(([, value]) => value !== "" && value !== undefined).map(([name, value]) => ` ${name}="${valued(String(value))}"`).join("")}>`;
const around = (tag, attributes, inside) => `${open(tag, attributes)}${inside}</${tag}>`;

const tagOf = (mark) => (mark.type.name === "link" ? "a" : mark.type.name === "span" ? "span" : mark.attrs.tag);
const startOf = (mark) => open(tagOf(mark), mark.type.name === "link" ? { href: mark.attrs.href, ...mark.attrs.keep } : mark.attrs.keep);

const leaf = (node) => {
  if (node.isText) return escaped(node.text);
  if (node.type === schema.nodes.hard_break) return open("br", node.attrs.keep);
  return around("span", { "data-field": node.attrs.name, ...node.attrs.keep }, node.attrs.inside);
};

// Marks that go on from one part of a line to the next stay open.
const line = (node) => {
  let said = "";
  let standing = [];
  node.forEach((child) => {
    let same = 0;
    while (same < standing.length && same < child.marks.length && standing[same].eq(child.marks[same])) same += 1;
    for (const mark of standing.slice(same).reverse()) said += `</${tagOf(mark)}>`;
    for (const mark of child.marks.slice(same)) said += startOf(mark);
    standing = child.marks;
    said += leaf(child);
  });
  return said + [...standing].reverse().map((mark) => `</${tagOf(mark)}>`).join("");
};

const flow = (node) => {
  const parts = [];
  node.forEach((child, _offset, place) => {
    const loose = child.type === schema.nodes.bare;
    const beside = loose && [place - 1, place + 1].some((other) => node.maybeChild(other)?.type === schema.nodes.bare);
    parts.push(beside ? around("p", {}, line(child)) : block(child));
  });
  return parts.join("\n");
};

const sections = (node) => {
  const found = [];
  let last = null;
  node.forEach((row) => {
    const part = row.attrs.part ?? { tag: "tbody", keep: {} };
    const same = last && last.tag === part.tag && JSON.stringify(last.keep) === JSON.stringify(part.keep);
    if (!same) found.push({ ...part, rows: [] });
    last = part;
    const cells = [];
    row.forEach((one) => {
      const { colspan, rowspan, keep } = one.attrs;
      const spans = { ...(colspan > 1 ? { colspan } : {}), ...(rowspan > 1 ? { rowspan } : {}) };
      cells.push(around(one.type === schema.nodes.table_header ? "th" : "td", { ...spans, ...keep }, flow(one)));
    });
    found.at(-1).rows.push(around("tr", row.attrs.keep, cells.join("")));
  });
  return found.map((each) => around(each.tag, each.keep, `\n${each.rows.join("\n")}\n`)).join("\n");
};

const block = (node) => {
  const { keep, each, name, inside, level, columns } = node.attrs;
  switch (node.type.name) {
    case "bare": return line(node);
    case "paragraph": return around("p", keep, line(node));
    case "heading": return around(`h${level}`, keep, line(node));
    case "blockquote": return around("blockquote", keep, flow(node));
    case "rule": return open("hr", keep);
    case "page_break": return '<div class="page-break"></div>';
    case "block": return around("div", { "data-block": name, ...keep }, inside);
    case "frame": return around("div", { "data-each": each, ...keep }, flow(node));
    case "table": return around("table", { "data-each": each, ...keep }, `${columns}\n${sections(node)}\n`);
    case "bullet_list":
    case "ordered_list": {
      const items = [];
      node.forEach((one) => items.push(around("li", one.attrs.keep, flow(one))));
      return around(node.type.name === "bullet_list" ? "ul" : "ol", { "data-each": each, ...keep }, `\n${items.join("\n")}\n`);
    }
    default: throw new RangeError(node.type.name);
  }
};

// Return the source of a document; an empty one is empty.
export const write = (doc) => {
  const first = doc.firstChild;
  const isEmpty = doc.childCount === 1 && first.isTextblock && !first.childCount && !Object.keys(first.attrs.keep ?? {}).length;
  return isEmpty ? "" : flow(doc);
};
