// What the buttons of the visual editor do, as commands: (state, dispatch) → whether it is possible.
import { lift, setBlockType } from "prosemirror-commands";
import { liftListItem, wrapInList } from "prosemirror-schema-list";
import { Plugin, TextSelection } from "prosemirror-state";
import { Fragment } from "prosemirror-model";
import { schema } from "editor/schema";

const { nodes, marks } = schema;
const SIDES = ["center", "right", "num"];
const inCell = (parent) => [nodes.table_cell, nodes.table_header, nodes.list_item].includes(parent.type);

// Return the elements around the cursor, the innermost first: [{node, at, depth}]; a chosen block is the innermost.
export const around = (state) => {
  const { $from, node } = state.selection;
  const found = node && !node.isInline ? [{ node, at: state.selection.from, depth: $from.depth + 1 }] : [];
  for (let depth = $from.depth; depth > 0; depth -= 1) found.push({ node: $from.node(depth), at: $from.before(depth), depth });
  return found;
};

// Return the rows that are repeated where the cursor stands, "" where none are.
export const repeatedAt = (state) => {
  const found = around(state);
  const at = found.findIndex(({ node }) => node.attrs.each);
  if (at < 0) return "";
  if (found[at].node.type !== nodes.table) return found[at].node.attrs.each;
  const row = found.find(({ node }) => node.type === nodes.table_row);
  return row && (row.node.attrs.part?.tag ?? "tbody") === "tbody" ? found[at].node.attrs.each : "";
};

export const style = (kind) => (state, dispatch) => {
  if (kind) return setBlockType(nodes.heading, { level: kind })(state, dispatch);
  return setBlockType(inCell(state.selection.$from.node(-1) ?? state.doc) ? nodes.bare : nodes.paragraph)(state, dispatch);
};

export const kindAt = (state) => {
  const { parent } = state.selection.$from;
  return parent.type === nodes.heading ? String(parent.attrs.level) : "0";
};

// Words of an item stand in it without a paragraph around them; out of it they get one.
const settle = (change) => {
  const { from, to } = change.selection;
  const found = [];
  change.doc.nodesBetween(Math.max(0, from - 1), Math.min(change.doc.content.size, to + 1), (node, at, parent) => {
    if (node.type === nodes.paragraph && parent.type === nodes.list_item && !Object.keys(node.attrs.keep).length) found.push([at, nodes.bare]);
    if (node.type === nodes.bare && parent.type === nodes.doc) found.push([at, nodes.paragraph]);
  });
  for (const [at, type] of found) change.setNodeMarkup(at, type, type === nodes.paragraph ? { keep: {} } : null);
  return change;
};

export const list = (type) => (state, dispatch) => {
  const settled = dispatch && ((change) => dispatch(settle(change)));
  const standing = around(state).find(({ node }) => node.type === nodes.bullet_list || node.type === nodes.ordered_list);
  if (!standing) return wrapInList(type)(state, settled);
  if (standing.node.type === type) return liftListItem(nodes.list_item)(state, settled);
  dispatch?.(state.tr.setNodeMarkup(standing.at, type, standing.node.attrs));
  return true;
};

export const out = (state, dispatch) => lift(state, dispatch && ((change) => dispatch(settle(change))));

const withClass = (keep, side) => {
  const names = (keep.class ?? "").split(/\s+/).filter((each) => each && !SIDES.includes(each));
  const { class: _gone, ...rest } = keep;
  return side || names.length ? { ...rest, class: [...names, side].filter(Boolean).join(" ") } : rest;
};

export const align = (side) => (state, dispatch) => {
  const change = state.tr;
  for (const { $from, $to } of state.selection.ranges) {
    state.doc.nodesBetween($from.pos, $to.pos, (node, at, parent, place) => {
      if (!node.isTextblock) return true;
      if (node.type === nodes.bare) {
        if (parent.type === nodes.table_cell || parent.type === nodes.table_header) {
          const cell = state.doc.resolve(at).before();
          change.setNodeMarkup(cell, null, { ...parent.attrs, keep: withClass(parent.attrs.keep, side) });
        } else if (parent.type === nodes.list_item) {
          const item = state.doc.resolve(at).before();
          change.setNodeMarkup(item, null, { keep: withClass(parent.attrs.keep, side) });
        } else {
          change.setNodeMarkup(at, nodes.paragraph, { keep: withClass({}, side) });
        }
      } else {
        change.setNodeMarkup(at, null, { ...node.attrs, keep: withClass(node.attrs.keep, side) });
      }
      return place < 0;
    });
  }
  dispatch?.(change);
  return true;
};

export const sideAt = (state) => {
  const found = around(state).find(({ node }) => [nodes.paragraph, nodes.heading, nodes.table_cell, nodes.table_header, nodes.list_item].includes(node.type));
  const names = (found?.node.attrs.keep.class ?? "").split(/\s+/);
  return names.includes("center") ? "center" : names.includes("right") || names.includes("num") ? "right" : "";
};

// Put a block where the cursor stands: in place of an empty line, else behind the line, with a line to go on after it.
export const putBlock = (node) => (state, dispatch) => {
  const { $from, $to, empty } = state.selection;
  const type = $from.parent;
  const change = state.tr;
  if (!type.isTextblock) {
    if (dispatch) dispatch(change.replaceSelectionWith(node).scrollIntoView());
    return true;
  }
  const isEmpty = empty && type.content.size === 0;
  const from = isEmpty ? $from.before() : $to.after();
  const to = $to.after();
  const parent = $from.node(-1);
  const isLast = $from.indexAfter(-1) === parent.childCount;
  const next = isLast ? [parent.type === nodes.doc ? nodes.paragraph.create() : nodes.bare.create()] : [];
  if (!dispatch) return true;
  change.replaceWith(from, to, Fragment.fromArray([node, ...next]));
  const inside = node.isAtom || node.type.isLeaf ? from + node.nodeSize : from + 1;
  change.setSelection(TextSelection.near(change.doc.resolve(Math.min(inside, change.doc.content.size)), 1));
  dispatch(change.scrollIntoView());
  return true;
};

export const putField = (name) => (state, dispatch) => {
  dispatch?.(state.tr.replaceSelectionWith(nodes.field.create({ name }), true).scrollIntoView());
  return true;
};

// A table: `columns` are [{head, field}] of repeated rows, or as many empty ones as asked for.
export const tableOf = (columns, rows, each = "") => {
  const cell = (type, inside) => type.create(null, nodes.bare.create(null, inside));
  const head = columns.map(({ head: text, isNumber }) => {
    const made = cell(nodes.table_header, text ? schema.text(text) : null);
    return isNumber ? made.type.create({ ...made.attrs, keep: { class: "num" } }, made.content) : made;
  });
  const body = () => columns.map(({ field, isNumber }) => {
    const made = cell(nodes.table_cell, field ? nodes.field.create({ name: field }) : null);
    return isNumber ? made.type.create({ ...made.attrs, keep: { class: "num" } }, made.content) : made;
  });
  const part = (tag) => ({ part: { tag, keep: {} } });
  return nodes.table.create({ each }, [
    nodes.table_row.create(part("thead"), head),
    ...Array.from({ length: rows }, () => nodes.table_row.create(part("tbody"), body())),
  ]);
};

// Set or take away a condition or rows of the element at a place; a frame that holds nothing any more goes.
export const setMarker = (at, marker, next, name) => (state, dispatch) => {
  const node = state.doc.nodeAt(at);
  if (!node) return false;
  const attrs = { ...node.attrs };
  if (marker === "data-each" || next === "data-each") {
    attrs.each = name;
  } else {
    const { [marker]: _gone, ...rest } = attrs.keep;
    attrs.keep = next ? { ...rest, [next]: name } : rest;
  }
  const change = state.tr;
  if (node.type === nodes.frame && !attrs.each && !Object.keys(attrs.keep).length) {
    let loose = false;
    node.forEach((child) => { loose ||= child.type === nodes.bare; });
    if (!loose) {
      dispatch?.(change.replaceWith(at, at + node.nodeSize, node.content));
      return true;
    }
  }
  dispatch?.(change.setNodeMarkup(at, null, attrs));
  return true;
};

// A condition for the chosen words.
export const setWords = (next, name) => (state, dispatch) => {
  const { from, to, empty } = state.selection;
  if (empty) return false;
  dispatch?.(state.tr.addMark(from, to, marks.span.create({ keep: { [next]: name } })));
  return true;
};

// Take the condition of words away, over as much as it holds.
export const clearWords = (state, dispatch) => {
  const change = state.tr;
  const { from, to, empty, $from } = state.selection;
  const range = empty ? [$from.start(), $from.end()] : [from, to];
  const at = empty ? ($from.marks().length ? $from.marks() : $from.nodeAfter?.marks ?? []) : null;
  let found = false;
  state.doc.nodesBetween(...range, (node, pos) => {
    for (const mark of node.isInline ? node.marks : []) {
      const { keep } = mark.attrs;
      if (mark.type !== marks.span || !(keep["data-if"] || keep["data-unless"]) || (at && !at.some((each) => each.eq(mark)))) continue;
      const { "data-if": _if, "data-unless": _unless, ...rest } = keep;
      found = true;
      change.removeMark(pos, pos + node.nodeSize, mark);
      if (Object.keys(rest).length) change.addMark(pos, pos + node.nodeSize, marks.span.create({ keep: rest }));
    }
  });
  if (found) dispatch?.(change);
  return found;
};

// Put lines into a frame of their own, for a condition or repeated rows over several.
export const frame = (attrs) => (state, dispatch) => {
  const range = state.selection.$from.blockRange(state.selection.$to);
  if (!range) return false;
  const change = state.tr;
  try {
    change.wrap(range, [{ type: nodes.frame, attrs }]);
  } catch (fault) {
    if (fault instanceof RangeError || fault.name === "TransformError") return false;
    throw fault;
  }
  dispatch?.(change);
  return true;
};

// A new row is of the part of the table that it stands in.
export const parts = new Plugin({
  appendTransaction: (changes, _old, state) => {
    if (!changes.some((each) => each.docChanged)) return null;
    const change = state.tr;
    state.doc.descendants((node, at) => {
      if (node.isTextblock) return false;
      if (node.type !== nodes.table) return true;
      let last = null;
      node.forEach((row, offset, place) => {
        let part = row.attrs.part;
        if (!part) {
          const next = node.maybeChild(place + 1)?.attrs.part ?? null;
          if (last && last.tag !== "thead") part = last;
          else if (next && (next.tag !== "thead" || !last) && next.tag !== "tfoot") part = next;
          else part = { tag: "tbody", keep: {} };
          change.setNodeMarkup(at + 1 + offset, null, { ...row.attrs, part });
        }
        last = part;
      });
      return true;
    });
    return change.steps.length ? change : null;
  },
});

// Return how far a mark reaches around the cursor: [from, to].
export const reach = (state, mark) => {
  const { $from } = state.selection;
  const { parent } = $from;
  const start = $from.start();
  let place = $from.index();
  if (!mark || !parent.childCount) return [$from.pos, $from.pos];
  if (place >= parent.childCount || !mark.isInSet(parent.child(place).marks)) place -= 1;
  let from = start;
  for (let each = 0; each < place; each += 1) from += parent.child(each).nodeSize;
  let to = from + (parent.maybeChild(place)?.nodeSize ?? 0);
  for (let each = place - 1; each >= 0 && mark.isInSet(parent.child(each).marks); each -= 1) from -= parent.child(each).nodeSize;
  for (let each = place + 1; each < parent.childCount && mark.isInSet(parent.child(each).marks); each += 1) to += parent.child(each).nodeSize;
  return [from, to];
};

// Return what words around the cursor carry, null when they have no condition.
export const wordsAt = (state) => {
  const { $from } = state.selection;
  const found = [...$from.marks(), ...($from.nodeAfter?.marks ?? [])];
  return found.find((each) => each.type === marks.span && (each.attrs.keep["data-if"] || each.attrs.keep["data-unless"]))?.attrs.keep ?? null;
};
