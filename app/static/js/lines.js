// Rows of a form: add, remove, move with the keyboard. The server takes any numbering; only new rows get new numbers.
(() => {
  "use strict";

  const next = (box) => {
    let most = -1;
    for (const field of box.querySelectorAll("tbody [name]")) {
      const found = field.name.match(/-(\d+)-/);
      if (found) most = Math.max(most, Number(found[1]));
    }
    return most + 1;
  };

  const add = (box) => {
    const template = box.querySelector("template");
    const holder = document.createElement("tbody");
    holder.innerHTML = template.innerHTML.replaceAll("__n__", String(next(box)));
    const row = holder.firstElementChild;
    box.querySelector("tbody").append(row);
    document.dispatchEvent(new CustomEvent("widgets", { detail: row }));
    row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    return row;
  };

  const empty = (box) => {
    box.classList.toggle("is-empty", !box.querySelector("tbody tr"));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-line-add], [data-line-remove]");
    if (!button) return;
    const box = button.closest("[data-lines]");
    if (button.hasAttribute("data-line-add")) {
      add(box);
    } else {
      button.closest("tr").remove();
      box.dispatchEvent(new Event("input", { bubbles: true }));
      box.querySelector("[data-line-add]").focus();
    }
    empty(box);
  });

  // Enter in the last row's field makes the next row instead of sending a half-typed form.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    const row = event.target.closest?.("[data-lines] tbody tr");
    if (!row || event.target.matches("textarea, button, select")) return;
    event.preventDefault();
    const box = row.closest("[data-lines]");
    if (row === box.querySelector("tbody tr:last-child")) add(box);
    else row.nextElementSibling.querySelector("input:not([type=hidden]), select")?.focus();
    empty(box);
  });

  for (const box of document.querySelectorAll("[data-lines]")) empty(box);
})();
