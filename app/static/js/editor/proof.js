// Whether two sources mean the same: every word, field, block and marker in its place, whatever the order of attributes
// and the space between elements.
import { keepsSpaces, parsed, read, Unfit } from "editor/read";
import { write } from "editor/write";

const INLINE = new Set(["a", "b", "strong", "i", "em", "u", "s", "sub", "sup", "small", "span"]);
const LEAVES = new Set(["br", "hr", "col"]);

const about = (element) =>
  element.localName + [...element.attributes].map(({ name, value }) => ` ${name}=${JSON.stringify(value)}`).sort().join("");

// Return what a source says, as parts: starts and ends of blocks, and runs of words, each with the inline elements around it.
const partsOf = (source) => {
  const found = [];
  const isNew = new Set();
  const run = (kind, value, around) => {
    const names = around.map(({ element, said }) => {
      const fresh = (element.localName === "span" || element.localName === "a") && !isNew.has(element);
      isNew.add(element);
      return fresh ? `*${said}` : said;
    });
    const marks = [...new Set(names)].sort().join("|");
    const last = found.at(-1);
    if (kind === "text" && last?.kind === "text" && last.marks.replaceAll("*", "") === marks && !marks.includes("*")) last.value += value;
    else found.push({ kind, value, marks });
  };
  const walk = (element, around) => {
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) {
        if (node.data) run("text", keepsSpaces(element) ? node.data : node.data.replace(/[ \t\n\r\f]+/g, " "), around);
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        const said = about(node);
        if (node.hasAttribute("data-field") || node.hasAttribute("data-block")) run(INLINE.has(node.localName) ? "leaf" : "block", `${said} ${node.innerHTML}`, around);
        else if (LEAVES.has(node.localName)) run(node.localName === "br" ? "leaf" : "block", said, around);
        else if (INLINE.has(node.localName)) {
          if (node.hasChildNodes()) walk(node, [...around, { element: node, said }]);
          else run("leaf", said, around);
        } else {
          found.push({ kind: "block", value: said, marks: "" });
          walk(node, around);
          found.push({ kind: "block", value: `/${node.localName}`, marks: "" });
        }
      }
    }
  };
  walk(parsed(source), []);
  return seen(found);
};

// Space at the edges of lines is not to be seen.
const seen = (parts) => {
  const edge = (part) => part === undefined || part.kind === "block";
  const kept = [];
  for (const part of parts) {
    if (part.kind === "text" && edge(kept.at(-1))) part.value = part.value.replace(/^ +/, "");
    if (part.kind === "text" && part.value === "") continue;
    if (part.kind === "block") trimEnd(kept);
    kept.push(part);
  }
  trimEnd(kept);
  return kept;
};
const trimEnd = (kept) => {
  while (kept.at(-1)?.kind === "text") {
    kept.at(-1).value = kept.at(-1).value.replace(/ +$/, "");
    if (kept.at(-1).value) return;
    kept.pop();
  }
};

const said = (part) => (part ? `${part.kind} ${part.value} ${part.marks}` : "");
const differing = (one, other) => {
  const [parts, others] = [partsOf(one), partsOf(other)];
  return parts.find((part, place) => said(part) !== said(others[place])) ?? others[parts.length] ?? null;
};

export const isSame = (one, other) => differing(one, other) === null;

// Return the document of a source that survives the way there and back; Unfit says what does not.
export const proved = (source) => {
  const doc = read(source);
  const lost = differing(source, write(doc));
  if (lost) throw new Unfit(lost.value.trim().slice(0, 60));
  return doc;
};
