/* Blocks of cells: pasted from a spreadsheet, copied into one. What cannot be understood keeps what was pasted and says so at its cell. */
(() => {
  "use strict";

  const { $, lines } = globalThis.countinghouse;
  const { say, said } = lines;

  /* --- text into cells ---------------------------------------------------------------------------------------------------- */

  /* Cells may stand in quotes and hold separators and line breaks then; a quote inside is doubled. */
  const split = (text, separator) => {
    const found = [];
    let row = [];
    let at = 0;
    while (at <= text.length) {
      let cell = "";
      if (text[at] === '"') {
        at += 1;
        while (at < text.length && (text[at] !== '"' || text[at + 1] === '"')) {
          if (text[at] === '"') at += 1;
          cell += text[at];
          at += 1;
        }
        at += 1;
      }
      while (at < text.length && text[at] !== separator && text[at] !== "\n") {
        cell += text[at];
        at += 1;
      }
      row.push(cell);
      if (text[at] !== separator) {
        found.push(row);
        row = [];
      }
      at += 1;
    }
    return found;
  };
  const isEven = (grid) => grid.length > 1 && grid[0].length > 1 && grid.every((row) => row.length === grid[0].length);
  const fromHtml = (html) => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("tr")]
    .map((row) => [...row.cells].map((cell) => cell.innerText.trim()));

  const parse = (text, html) => {
    const plain = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "");
    if (!plain) return html.includes("<t") ? fromHtml(html) : [];
    if (plain.includes("\t")) return split(plain, "\t");
    const separators = said.marks.decimal === "," ? [";"] : [";", ","];
    const listed = separators.map((separator) => split(plain, separator)).find(isEven);
    return listed ?? split(plain, "\t");
  };

  /* --- numbers: in the reader's writing, or in another that can mean only one thing -------------------------------------- */

  const { decimal, group } = said.marks;
  const grouping = /\s/.test(group) ? "[ \u00a0\u202f\u2009\u2007]" : `\\${group}`;
  const mine = new RegExp(`^[-+\u2212]?(?:[1-9]\\d{0,2}(?:${grouping}\\d{3})+|\\d+|(?=\\${decimal}))(?:\\${decimal}\\d+)?$`);
  const number = (pasted) => {
    const text = pasted.trim().replace(/\s*%$/, "").replace(/^[^\d.,+\-\u2212]+|[^\d.,]+$/g, "");
    if (mine.test(text)) return text;
    const bare = text.replace(/[\s\u00a0\u202f\u2009\u2007'’]/g, "");
    const marks = bare.match(/[.,]/g) ?? [];
    const last = marks.at(-1);
    const [whole, part = ""] = last ? [bare.slice(0, bare.lastIndexOf(last)), bare.slice(bare.lastIndexOf(last) + 1)] : [bare];
    const isOnly = marks.filter((each) => each === last).length === 1;
    if (!/^[-+\u2212]?[\d.,]*$/.test(bare) || !/\d/.test(bare) || (last && (!isOnly || (marks.length === 1 && part.length === 3)))) return null;
    if (marks.length > 1 && !/^[-+\u2212]?\d{1,3}([.,]\d{3})+$/.test(whole)) return null;
    return whole.replace(/[.,]/g, "") + (part ? decimal + part : "");
  };

  /* --- into the rows ------------------------------------------------------------------------------------------------------------ */

  const yes = new Set(["1", "x", "✓", "true", "yes", "ja", "да", "այո"]);
  const write = (control, { kind, column }, pasted, wanted) => {
    const text = pasted.trim();
    delete control.dataset.auto;
    if (kind === "check") {
      control.checked = yes.has(text.toLowerCase());
    } else if (kind === "choice") {
      const option = [...control.options].find((each) => each.value === text || each.text.trim().toLowerCase() === text.toLowerCase());
      if (option) lines.put(control, option.value);
      else if (text) lines.mark(control, say("no_choice", { name: text }));
    } else if (kind === "number") {
      const found = text && number(text);
      lines.put(control, found || text);
      if (found === null) lines.mark(control, say("no_number", { name: text }));
    } else {
      lines.put(control, kind === "text" ? pasted : text);
      if (kind === "link" && text) wanted.push({ control, text, column });
    }
  };

  /* A first row that says nothing but the names of our columns says where the others go. */
  const headed = (columns, [first]) => {
    const known = first.map((cell) => columns.find(({ label }) => label.toLowerCase() === cell.trim().toLowerCase()));
    return first.length > 1 && known.every(Boolean) ? known : null;
  };

  const fill = (box, control, grid, wanted) => {
    const columns = lines.columns(box);
    const heads = headed(columns, grid);
    const block = heads ? grid.slice(1) : grid;
    const from = lines.columnOf(control).at;
    const before = lines.rows(box);
    const first = before.indexOf(control.closest("tr"));
    const missing = first + block.length - before.length;
    if (missing > 0) lines.append(box, missing);
    const into = lines.rows(box).slice(first, first + block.length);
    into.forEach((row, at) => block[at].forEach((text, place) => {
      const column = heads ? heads[place] : columns[from + place];
      if (column) write(lines.controlAt(row, column.at), column, text, wanted);
    }));
    return into;
  };

  /* All names of a block are asked at once. */
  const resolve = async (wanted) => {
    const asked = {};
    for (const { control, text } of wanted) {
      const { list, lookup } = lines.columnOf(control);
      (asked[list ?? lookup] ??= new Set()).add(text);
    }
    return lines.named(Object.fromEntries(Object.entries(asked).map(([stem, texts]) => [stem, [...texts]])));
  };
  const settle = ({ control, text }, answers) => {
    if (!control.isConnected || control.value !== text || lines.key(control)) return;
    const { list, lookup } = lines.columnOf(control);
    const answer = answers?.[list ?? lookup]?.[text];
    if (!answer) return lines.mark(control, say("unreachable", { name: text }));
    if (answer.error) return lines.mark(control, answer.error);
    lines.put(control, answer.text, answer.id);
    if (answer.about) lines.hooks.bring.forEach((hook) => hook(control.closest("tr"), answer.about));
  };

  const tell = (box, into, more = "") => {
    const broken = into.flatMap((row) => [...row.querySelectorAll("[aria-invalid=true]")]);
    const text = [say("pasted", { count: into.length }), broken.length ? say("attention", { count: broken.length }) : more];
    const acts = broken.length ? [[said.show, () => lines.focus(broken.find((each) => each.isConnected && each.hasAttribute("aria-invalid")))]] : [];
    lines.note(box, text.filter(Boolean).join("; "), [...acts, [said.undo, () => lines.undo(box)]]);
  };

  const paste = async (box, control, grid) => {
    const wanted = [];
    const into = lines.transact(box, () => fill(box, control, grid, wanted), control);
    const step = lines.steps(box).at(-1);
    lines.hold();
    tell(box, into, wanted.length ? said.looking : "");
    if (wanted.length) {
      const answers = await resolve(wanted);
      if (step.gone) return; // taken back meanwhile
      wanted.forEach((each) => settle(each, answers));
      step.after = lines.picture(box);
      lines.hold();
      lines.changed(box);
      tell(box, into);
    }
    if (into.length < grid.length && lines.room(box) <= 0) lines.note(box, say("too_many", { most: box.dataset.most }), [[said.undo, () => lines.undo(box)]]);
  };

  document.addEventListener("paste", (event) => {
    const control = event.target instanceof Element && event.target.closest("[data-lines] tbody .form-control, [data-lines] tbody input[type=checkbox]");
    if (!control || !event.clipboardData) return;
    const text = event.clipboardData.getData("text/plain");
    const grid = parse(text, event.clipboardData.getData("text/html"));
    if (grid.length < 2 && (grid[0]?.length ?? 0) < 2) return; // one cell: the browser pastes it
    event.preventDefault();
    paste(lines.boxOf(control), control, grid);
  });

  /* --- out of the rows --------------------------------------------------------------------------------------------------------------- */

  const quoted = (text) => (/["\t\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const shown = (control, { kind }) => {
    if (kind === "check") return control.checked ? "1" : "";
    if (kind === "choice") return control.value ? control.selectedOptions[0].text.trim() : "";
    return control.value;
  };
  const tsv = (box, some) => some
    .map((row) => lines.columns(box).map((column) => quoted(shown(lines.controlAt(row, column.at), column))).join("\t"))
    .join("\n");

  let copying = null;
  const take = (event, box, some) => {
    event.clipboardData.setData("text/plain", tsv(box, some));
    event.preventDefault();
    lines.note(box, say("copied", { count: some.length }));
  };
  document.addEventListener("copy", (event) => {
    if (copying) return take(event, copying, lines.selected(copying).length ? lines.selected(copying) : lines.rows(copying));
    const box = document.activeElement?.closest("[data-lines]");
    const some = box ? lines.selected(box) : [];
    if (some.length) take(event, box, some);
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-lines-copy]");
    if (!button) return;
    copying = lines.boxOf(button);
    document.execCommand("copy"); // the clipboard's own interface is closed to pages without TLS
    copying = null;
  });
})();
