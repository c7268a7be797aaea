/* The rows of forms as a spreadsheet: rows, moves by key and by hand, and taking back. Cells that choose from lists are
   lines-cells.js, pasting and copying lines-paste.js, totals document.js. Rows need no numbers of their own: the server
   keeps the order in which they are sent. */
(() => {
  "use strict";

  const { $, $$, scripts } = globalThis.countinghouse;
  const said = JSON.parse($("[data-lines-texts]")?.textContent ?? "{}");
  const say = (name, values = {}) =>
    Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, value), said[name] ?? "");
  const hooks = { added: [], bring: [], key: [], leave: [] };
  const MOST_STEPS = 100;

  const boxOf = (node) => node.closest("[data-lines]");
  const bodyOf = (box) => $("tbody", box);
  const rows = (box) => [...bodyOf(box).rows];
  const columnsOf = new WeakMap();
  const columns = (box) => {
    if (!columnsOf.has(box)) {
      columnsOf.set(box, $$("th[data-column]", box).map((head, at) => ({ ...head.dataset, at, label: head.textContent.trim() })));
    }
    return columnsOf.get(box);
  };

  /* --- cells ------------------------------------------------------------------------------------------------------------ */

  const inCell = (cell) => $("input:not([type=hidden]), select, textarea", cell);
  const controlAt = (row, at) => inCell(row.cells[at + 1]);
  const control = (row, name) => {
    const column = columns(boxOf(row)).find((each) => each.column === name);
    return column ? controlAt(row, column.at) : null;
  };
  const columnOf = (node) => columns(boxOf(node))[node.closest("td").cellIndex - 1];
  const keyField = (node) => (node.previousElementSibling?.matches("input[type=hidden]") ? node.previousElementSibling : null);
  const key = (node) => (node && keyField(node)?.value) || "";

  const mark = (node, text) => {
    const cell = node.closest("td");
    $$(".error", cell).forEach((each) => each.remove());
    if (!text) {
      node.removeAttribute("aria-invalid");
      node.removeAttribute("aria-describedby");
      return;
    }
    const error = Object.assign(document.createElement("p"), { className: "error", textContent: text, id: `${node.id}-error` });
    cell.append(error);
    node.setAttribute("aria-invalid", "true");
    node.setAttribute("aria-describedby", error.id);
  };

  const stateOf = (node) => [
    node.type === "checkbox" ? node.checked : node.value, key(node), node.dataset.auto ?? "",
    node.hasAttribute("aria-invalid") ? $(".error", node.closest("td"))?.textContent ?? "" : "",
  ];
  const isSame = (one, other) => one.every((part, at) => part === other[at]);
  const setState = (node, [value, hidden, auto, refusal]) => {
    if (node.type === "checkbox") node.checked = value;
    else node.value = value;
    if (keyField(node)) keyField(node).value = hidden;
    if (auto) node.dataset.auto = auto;
    else delete node.dataset.auto;
    mark(node, refusal);
  };
  /* Write a value, and the key that it stands for. */
  const put = (node, value, hidden = "") => {
    node.value = value;
    if (keyField(node)) keyField(node).value = hidden;
    mark(node, "");
  };
  const isBlank = (row) => columns(boxOf(row)).every(({ at, kind }) => {
    const node = controlAt(row, at);
    return kind === "check" || kind === "choice" || node.value.trim() === "" || node.dataset.auto;
  });

  /* --- taking back: every step keeps the rows as they were before and after ----------------------------------------------- */

  const histories = new WeakMap();
  const history = (box) => {
    if (!histories.has(box)) histories.set(box, { past: [], future: [] });
    return histories.get(box);
  };
  const changed = (box) => {
    rows(box).forEach((row, at) => {
      const { firstChild: number } = $("[data-n]", row);
      if (number.nodeValue !== String(at + 1)) number.nodeValue = String(at + 1);
    });
    box.classList.toggle("is-empty", !bodyOf(box).rows.length);
    box.dispatchEvent(new Event("input", { bubbles: true })); // totals, drafts and guards look again
  };
  const picture = (box) => rows(box).map((row) => [row, columns(box).map(({ at }) => stateOf(controlAt(row, at)))]);
  const restore = (box, kept) => {
    const standing = rows(box);
    if (kept.length !== standing.length || kept.some(([row], at) => row !== standing[at])) {
      bodyOf(box).replaceChildren(...kept.map(([row]) => row));
    }
    for (const [row, states] of kept) {
      states.forEach((state, at) => {
        const node = controlAt(row, at);
        if (!isSame(stateOf(node), state)) setState(node, state);
      });
    }
    changed(box);
  };
  const remember = (box, step) => {
    const { past, future } = history(box);
    past.push(step);
    if (past.length > MOST_STEPS) past.shift();
    future.length = 0;
  };
  const transact = (box, work, at = document.activeElement) => {
    keepTyped();
    const before = picture(box);
    const result = work();
    changed(box);
    const step = { before, after: picture(box), at };
    remember(box, step);
    hold();
    return result;
  };
  const travel = (box, from, to, side) => {
    keepTyped();
    const step = history(box)[from].pop();
    if (!step) return;
    history(box)[to].push(step);
    step.gone = side === "before";
    if (step.cell) {
      setState(step.cell, step[side]);
      changed(box);
    } else {
      restore(box, step[side]);
    }
    note(box, from === "past" ? said.undone : "");
    const place = step.cell ?? step.at;
    focus(place?.isConnected && boxOf(place) === box ? place : controlAt(rows(box)[0] ?? add(box), 0));
  };
  const undo = (box) => travel(box, "past", "future", "before");
  const redo = (box) => travel(box, "future", "past", "after");

  /* What is typed into a cell is one step, taken when the cell is left. */
  let held = null;
  const hold = () => {
    const node = document.activeElement;
    held = node?.closest?.("[data-lines] tbody td:not(.line-head, .line-end)") ? { node, before: stateOf(node) } : null;
  };
  const isTyped = (node) => held?.node === node && !isSame(held.before.slice(0, 2), stateOf(node).slice(0, 2));
  const keepTyped = () => {
    if (!held?.node.isConnected || !isTyped(held.node)) return;
    const { node, before } = held;
    remember(boxOf(node), { cell: node, before, after: stateOf(node) });
    held = { node, before: stateOf(node) };
  };

  /* --- notes ---------------------------------------------------------------------------------------------------------------- */

  const note = (box, text, acts = []) => {
    const place = $("[data-lines-note]", box);
    place.replaceChildren(text, ...acts.map(([label, act]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: label });
      button.addEventListener("click", act);
      return button;
    }));
  };
  const noteUndo = (box, text) => note(box, text, [[said.undo, () => undo(box)]]);

  /* --- rows ----------------------------------------------------------------------------------------------------------------- */

  const nextNumber = (box) => {
    box.nextNumber ??= Math.max(-1, ...$$("tbody [name]", box).map((field) => Number(field.name.match(/-(\d+)-/)?.[1] ?? -1))) + 1;
    return box.nextNumber++;
  };
  const make = (box, count) => {
    const blank = $("template", box).innerHTML;
    const holder = document.createElement("tbody");
    holder.innerHTML = Array.from({ length: count }, () => blank.replaceAll("__n__", String(nextNumber(box)))).join("");
    return [...holder.rows];
  };
  const room = (box) => Number(box.dataset.most) - bodyOf(box).rows.length;
  /* Append blank rows, as many as there is room for. */
  const append = (box, count) => {
    const made = make(box, Math.min(count, room(box)));
    const above = bodyOf(box).lastElementChild;
    bodyOf(box).append(...made);
    if (made.length && made[0].querySelector("[data-date]")) document.dispatchEvent(new CustomEvent("widgets", { detail: bodyOf(box) }));
    made.forEach((row) => hooks.added.forEach((hook) => hook(row, above)));
    return made;
  };
  const add = (box) => {
    const [row] = transact(box, () => append(box, 1));
    if (!row) note(box, say("too_many", { most: box.dataset.most }));
    return row ?? bodyOf(box).lastElementChild;
  };
  const remove = (box, gone) => {
    const all = rows(box);
    const at = all.indexOf(gone[0]);
    const column = document.activeElement?.closest("td") && gone.includes(document.activeElement.closest("tr")) ? document.activeElement.closest("td").cellIndex - 1 : 0;
    transact(box, () => gone.forEach((row) => { row.classList.remove("is-selected"); row.remove(); }));
    noteUndo(box, gone.length === 1 ? say("removed", { number: at + 1 }) : say("removed_many", { count: gone.length }));
    const next = rows(box)[Math.min(at, rows(box).length - 1)];
    focus(next ? controlAt(next, Math.max(0, Math.min(column, columns(box).length - 1))) : $("[data-line-add]", box));
  };
  const shift = (box, moving, by) => {
    const all = rows(box);
    const first = all.indexOf(moving[0]);
    const target = by < 0 ? all[first - 1] : all[all.indexOf(moving.at(-1)) + 1];
    if (!target) return;
    const at = document.activeElement;
    transact(box, () => { if (by < 0) target.before(...moving); else target.after(...moving); });
    focus(at);
    note(box, say("moved", { number: rows(box).indexOf(moving[0]) + 1 }));
  };
  const copyAbove = (box, node) => {
    const row = node.closest("tr");
    const above = row.previousElementSibling;
    if (!above) return;
    const from = controlAt(above, columnOf(node).at);
    transact(box, () => setState(node, [...stateOf(from).slice(0, 2), "", ""]), node);
    select(node);
    node.dispatchEvent(new CustomEvent("line-chosen", { bubbles: true, detail: columnOf(node) }));
  };

  /* --- selected rows ----------------------------------------------------------------------------------------------------------- */

  const selected = (box) => rows(box).filter((row) => row.classList.contains("is-selected"));
  const pick = (row, on = !row.classList.contains("is-selected")) => {
    row.classList.toggle("is-selected", on);
    $("[data-line-grip]", row).setAttribute("aria-pressed", String(on));
  };
  let anchor = null;
  const pickTo = (row, extend) => {
    const box = boxOf(row);
    const all = rows(box);
    if (!extend || !anchor?.isConnected || boxOf(anchor) !== box) {
      pick(row);
      anchor = row;
      return;
    }
    const [from, to] = [all.indexOf(anchor), all.indexOf(row)].sort((a, b) => a - b);
    all.slice(from, to + 1).forEach((each) => pick(each, true));
  };

  /* --- moving about ---------------------------------------------------------------------------------------------------------- */

  const isText = (node) => node.matches("textarea, input:not([type=checkbox])");
  const select = (node) => { if (isText(node)) node.select(); };
  const focus = (node) => {
    if (!node) return;
    node.focus();
    select(node);
  };
  const go = (box, row, at) => {
    const target = row && controlAt(row, at);
    if (!target) return false;
    focus(target);
    target.closest("tr").scrollIntoView({ block: "nearest" });
    return true;
  };
  const isAt = (node, end) => {
    if (!isText(node)) return true;
    const { selectionStart: from, selectionEnd: to, value } = node;
    if (from === 0 && to === value.length) return true; // all of it, as one finds it on arriving
    return from === to && to === (end ? value.length : 0);
  };
  const isOnEdge = (node, end) => {
    if (!node.matches("textarea") || (node.selectionStart === 0 && node.selectionEnd === node.value.length)) return true;
    return !(end ? node.value.slice(node.selectionEnd) : node.value.slice(0, node.selectionStart)).includes("\n");
  };
  let start = 0; // the column in which a run of Tabs began: Enter goes back to it, one row below

  const enter = (box, row, at) => {
    const next = row.nextElementSibling ?? (isBlank(row) ? null : add(box));
    if (next) go(box, next, Math.min(at, start));
    else $("[data-line-add]", box).focus();
  };

  const act = (event, box, node) => {
    const row = node.closest("tr");
    const { at } = columnOf(node);
    const control = event.ctrlKey || event.metaKey;
    const chosen = selected(box).length ? selected(box) : [row];
    const plain = !control && !event.altKey && !event.shiftKey;
    const [above, below] = [row.previousElementSibling, row.nextElementSibling];
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        const down = event.key === "ArrowDown";
        if (event.altKey && !control && "ordered" in box.dataset) return shift(box, chosen, down ? 1 : -1) ?? true;
        if (!plain || !isOnEdge(node, down)) return false;
        start = at;
        return go(box, down ? below : above, at) || !node.matches("textarea");
      }
      case "ArrowLeft":
      case "ArrowRight": {
        const right = event.key === "ArrowRight";
        if (!plain || !isAt(node, right)) return false;
        if (node.matches("select") && !controlAt(row, at + (right ? 1 : -1))) return true;
        const there = at + (right ? 1 : -1);
        if (there < 0 || there >= columns(box).length) return false;
        start = there;
        return go(box, row, there);
      }
      case "Tab": {
        if (control || event.altKey) return false;
        const there = at + (event.shiftKey ? -1 : 1);
        if (there >= 0 && there < columns(box).length) return go(box, row, there);
        if (event.shiftKey && above) return go(box, above, columns(box).length - 1);
        if (!event.shiftKey && below) return go(box, below, 0);
        return false;
      }
      case "Enter":
        if (control && !event.shiftKey) return copyAbove(box, node) ?? true;
        if (event.shiftKey && node.matches("textarea")) return false;
        if (event.altKey || control) return false;
        if (event.shiftKey) return go(box, above, at) || true;
        return enter(box, row, at) ?? true;
      case "Delete":
      case "Backspace":
        if (!control || event.key === "Backspace") return false;
        return remove(box, chosen) ?? true;
      case " ":
        if (!event.shiftKey || control) return false;
        pickTo(row, false);
        return true;
      case "Escape":
        if (selected(box).length) return selected(box).forEach((each) => pick(each, false)) ?? true;
        if (!isTyped(node)) return false;
        setState(node, held.before);
        select(node);
        changed(box);
        return true;
      case "F2":
        if (!isText(node)) return false;
        node.setSelectionRange(node.value.length, node.value.length);
        return true;
      default:
        return letter(event, box, node, control);
    }
  };
  const letter = (event, box, node, control) => {
    if (!control || event.altKey) return false;
    if (event.code === "KeyD") return copyAbove(box, node) ?? true;
    if (event.code === "KeyZ" && event.shiftKey) return redo(box) ?? true;
    if (event.code === "KeyY") return redo(box) ?? true;
    if (event.code !== "KeyZ" || isTyped(node)) return false; // the browser takes back letters
    return undo(box) ?? true;
  };

  /* Before everybody else's keys: Ctrl+Enter and the arrows mean something of their own here. */
  document.addEventListener("keydown", (event) => {
    const node = event.target;
    if (!(node instanceof Element) || event.isComposing) return;
    const box = node.closest("[data-lines]");
    if (!box) return;
    const cell = node.closest("tbody td:not(.line-head, .line-end)");
    const done = cell && node === inCell(cell)
      ? hooks.key.some((hook) => hook(event, node)) || act(event, box, node)
      : outside(event, box, node);
    if (!done) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  /* On a row's handle, and on the buttons around: what concerns whole rows. */
  const outside = (event, box, node) => {
    const control = event.ctrlKey || event.metaKey;
    if (control && event.code === "KeyZ") return (event.shiftKey ? redo(box) : undo(box)) ?? true;
    const row = node.closest("tbody tr");
    if (!row) return false;
    const chosen = selected(box).length ? selected(box) : [row];
    if (event.key === "Delete") return remove(box, chosen) ?? true;
    if (event.altKey && /^Arrow(Up|Down)$/.test(event.key) && "ordered" in box.dataset) return shift(box, chosen, event.key === "ArrowUp" ? -1 : 1) ?? true;
    return false;
  };

  document.addEventListener("focusin", ({ target }) => {
    const cell = target.closest?.("[data-lines] tbody td:not(.line-head, .line-end)");
    if (!cell || target !== inCell(cell)) return;
    if (held?.node !== target) hold();
    lazily(boxOf(target));
  });
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (held?.node !== target) return;
    hooks.leave.forEach((hook) => hook(target, relatedTarget));
    keepTyped();
    held = null;
  });
  document.addEventListener("input", ({ target, isTrusted }) => {
    if (!isTrusted || !target.closest?.("[data-lines] tbody")) return;
    delete target.dataset.auto;
    if (target.hasAttribute("aria-invalid")) mark(target, "");
  });

  document.addEventListener("pointerdown", ({ target }) => {
    const cell = target.closest?.("[data-lines] tbody td");
    if (cell && cell.cellIndex > 0) start = Math.min(cell.cellIndex - 1, columns(boxOf(cell)).length - 1);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-line-add], [data-line-remove], [data-line-grip]");
    const box = button?.closest("[data-lines]");
    if (!box) return;
    if (button.hasAttribute("data-line-add")) {
      start = 0;
      go(box, add(box), 0);
    } else if (button.hasAttribute("data-line-remove")) {
      remove(box, [button.closest("tr")]);
    } else {
      pickTo(button.closest("tr"), event.shiftKey);
    }
  });

  /* --- by hand: fetched when somebody is about to --------------------------------------------------------------------------------- */

  const lazily = async (box) => {
    if (box.dataset.sorts || !("ordered" in box.dataset)) return;
    box.dataset.sorts = "1";
    await scripts(box.dataset.sortable);
    if (!globalThis.Sortable) return;
    let before = null;
    globalThis.Sortable.create(bodyOf(box), {
      handle: "[data-line-grip]",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      onStart: () => { keepTyped(); before = picture(box); },
      onEnd: ({ item, oldIndex, newIndex }) => {
        if (oldIndex === newIndex) return;
        changed(box);
        remember(box, { before, after: picture(box), at: controlAt(item, 0) });
        noteUndo(box, say("moved", { number: newIndex + 1 }));
      },
    });
  };
  document.addEventListener("pointerover", ({ target }) => {
    const box = target.closest?.("[data-lines]");
    if (box) lazily(box);
  });

  for (const box of $$("[data-lines]")) box.classList.toggle("is-empty", !bodyOf(box).rows.length);

  globalThis.countinghouse.lines = {
    append, boxOf, changed, columnOf, columns, control, controlAt, focus, hold, hooks, isSame, key, keyField, mark, note,
    picture, put, room, rows, said, say, selected, stateOf, transact, undo, remember,
    steps: (box) => history(box).past,
  };
})();
