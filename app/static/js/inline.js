/* A value of a row is changed in the list: the pencil in its cell or F2 opens its field, Enter stores it, Esc leaves it,
   Tab stores it and goes to the next. */

(() => {
  "use strict";

  const { $, $$, icon, widgets } = globalThis.countinghouse;
  const before = new WeakMap(); // what stood in a cell
  let coming = null; // the cell whose field is under way

  const ask = (address, options = {}) => {
    const url = new URL(address, location.origin);
    new URLSearchParams(location.search).forEach((value, name) => url.searchParams.append(name, value));
    return fetch(url, { redirect: "manual", headers: { "X-Part": "1" }, ...options }).catch(() => ({ status: 0, text: async () => "" }));
  };
  const show = async (cell, html) => {
    if (!before.has(cell)) return; // left while it came
    cell.innerHTML = html;
    await widgets(cell);
    if (!before.has(cell)) return; // left meanwhile
    const field = $(".ts-control input", cell) ?? $("input:not([type=hidden]), select, textarea", cell);
    field?.focus();
    if (field instanceof HTMLInputElement && field.type === "text") field.select();
  };
  const leave = (cell) => {
    if (!before.has(cell)) return;
    if (coming === cell) coming = null;
    cell.replaceChildren(...before.get(cell));
    before.delete(cell);
    cell.classList.remove("is-edited");
    $(".row-link", cell.closest("tr"))?.focus();
  };
  const open = async (cell) => {
    if (!cell || before.has(cell)) return;
    if (coming) leave(coming);
    $$("#many td.is-edited").forEach(leave);
    before.set(cell, [...cell.childNodes]);
    coming = cell;
    const answer = await ask(`${$("#list").dataset.base}/cell/${cell.closest("tr").dataset.id}/${cell.dataset.cell}`);
    if (coming !== cell) return; // left before it was there
    coming = null;
    if (answer.status !== 200) {
      before.delete(cell);
      if (answer.status !== 404) location.reload(); // signed out, or the network is gone: the page says it
      return;
    }
    cell.classList.add("is-edited");
    show(cell, await answer.text());
  };
  const store = async (cell, step = 0) => {
    const form = $(".cell-form", cell);
    if (!form || form.dataset.busy) return;
    form.dataset.busy = "1";
    const body = new FormData();
    $$("input, select, textarea", form).forEach((field) => {
      if (field.name && (!["checkbox", "radio"].includes(field.type) || field.checked)) body.append(field.name, field.value);
    });
    body.append("csrf_token", $("#many input[name=csrf_token]").value);
    const answer = await ask(form.dataset.url, { method: "POST", body });
    if (answer.status !== 200) return location.reload();
    const html = await answer.text();
    if (html.includes("cell-form")) return show(cell, html); // refused: as it was typed, with the reason
    const row = cell.closest("tr");
    const names = $$("td[data-cell]", row).map((each) => each.dataset.cell);
    const next = names[names.indexOf(cell.dataset.cell) + step];
    const made = document.createElement("tbody");
    made.innerHTML = html;
    const fresh = made.firstElementChild;
    row.replaceWith(fresh);
    const wanted = step && next ? $$("td[data-cell]", fresh).find((each) => each.dataset.cell === next) : null;
    if (wanted) open(wanted);
    else $(".row-link", fresh)?.focus();
  };
  const edited = (node) => (node instanceof Element ? node.closest("td.is-edited") : null);

  /* The row is a link to its card; a pencil in the cell under the pointer opens the field. */
  const pencil = document.createElement("button");
  Object.assign(pencil, { type: "button", className: "cell-open", tabIndex: -1 });
  pencil.setAttribute("aria-hidden", "true"); // by keyboard it is F2
  pencil.append(icon("pencil"));
  let pointed = null;
  const point = ({ clientX, clientY }) => { // the link of the row lies over its cells
    const cell = document.elementsFromPoint(clientX, clientY).find((each) => each.matches("#many td[data-cell]"));
    if (cell && !before.has(cell) && pencil.parentNode !== cell) cell.append(pencil);
    else if (!cell) pencil.remove();
  };
  document.addEventListener("mousemove", (event) => {
    if (!pointed && $("#many")) requestAnimationFrame(() => { point(pointed); pointed = null; });
    pointed = event;
  });
  pencil.addEventListener("click", () => {
    const cell = pencil.closest("td");
    pencil.remove();
    open(cell);
  });
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    if (target.closest("[data-cell-save]")) store(edited(target));
    if (target.closest("[data-cell-leave]")) leave(edited(target));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "F2") {
      const row = document.activeElement?.closest?.("#many tbody tr");
      const cell = row && $("td[data-cell]", row);
      if (cell) { event.preventDefault(); open(cell); }
      return;
    }
    const cell = edited(event.target) ?? (event.key === "Escape" ? $("#many td.is-edited") ?? coming : null);
    if (!cell) return;
    const choosing = $(".dropdown-active", cell) || $(".flatpickr-calendar.open");
    if (event.key === "Escape" && !$(".flatpickr-calendar.open")) { event.preventDefault(); event.stopPropagation(); leave(cell); }
    if (event.key === "Enter" && !choosing && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      event.stopPropagation();
      store(cell);
    }
    if (event.key === "Tab" && !event.shiftKey && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      store(cell, 1);
    }
  }, true);
})();
