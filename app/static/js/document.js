// Documents with lines: the server says what lines and totals come to, and what a product brings with it.
(() => {
  "use strict";

  const panel = document.querySelector("[data-price-url]");
  const form = panel?.closest("form");
  if (!form) return;
  let waiting = 0;
  let asked = 0;

  const show = (answer) => {
    const error = panel.querySelector("[data-total-error]");
    error.hidden = !answer.error;
    error.textContent = answer.error || "";
    if (answer.error) return;
    for (const cell of panel.querySelectorAll("[data-total]")) cell.textContent = answer[cell.dataset.total];
    const groups = panel.querySelector("[data-total-groups]");
    groups.replaceChildren(
      ...(answer.groups.length > 1 ? answer.groups : []).map((group) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        const amount = document.createElement("dd");
        term.textContent = `${group.label} · ${group.base}`;
        amount.textContent = group.tax;
        row.append(term, amount);
        return row;
      }),
    );
  };

  const price = async () => {
    const mine = ++asked;
    const response = await fetch(panel.dataset.priceUrl, { method: "POST", body: new FormData(form) });
    if (response.ok && mine === asked) show(await response.json());
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(price, 250);
  };

  const choose = (field, value) => {
    if (!field || value === null || value === undefined || value === "") return;
    if (field.tagName === "SELECT") {
      const text = typeof value === "object" ? value.text : value;
      const id = String(typeof value === "object" ? value.id : value);
      if (field.tomselect) {
        field.tomselect.addOption({ id, text, value: id });
        field.tomselect.setValue(id, true);
      } else {
        if (![...field.options].some((option) => option.value === id)) field.add(new Option(text, id));
        field.value = id;
      }
    } else {
      field.value = value;
    }
  };

  // What a product says fills the row's empty fields; what was typed stays.
  const fill = async (select) => {
    if (!select.value) return;
    const response = await fetch(`/product/about/${encodeURIComponent(select.value)}`);
    if (!response.ok) return;
    const about = await response.json();
    const row = select.closest("tr");
    for (const name of ["text", "unit", "unit_price", "tax", "quantity"]) {
      const field = row.querySelector(`[name$="-${name}"]`);
      if (field && !field.value) choose(field, about[name]);
    }
    soon();
  };

  form.addEventListener("input", soon);
  form.addEventListener("change", (event) => {
    if (event.target.matches('[name^="lines-"][name$="-product"]')) fill(event.target);
    soon();
  });
  price();
})();
