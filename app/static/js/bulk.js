/* Bulk edit: only the chosen fields are shown, one adds those that one wants; and how far a run is, on its own page. */

(() => {
  "use strict";

  const { $, $$ } = globalThis.countinghouse;

  /* --- the fields ------------------------------------------------------------------------------------------------------ */

  const form = $(".bulk-fields");
  const adder = form && $("[data-add]", form);
  const how = (row) => $(".bulk-how", row);
  const show = (row) => {
    row.hidden = !("chosen" in row.dataset);
    const value = $(".bulk-value", row);
    if (value) value.hidden = how(row).value !== "set";
  };
  const offer = () => {
    const rows = $$(".bulk-field", form).filter((row) => !("chosen" in row.dataset));
    adder.replaceChildren(adder.options[0], ...rows.map((row) => new Option($(".bulk-name", row).textContent.trim(), row.dataset.name)));
    adder.value = "";
    adder.closest("label").hidden = rows.length === 0;
  };
  const choose = (row) => {
    row.dataset.chosen = "";
    how(row).value = how(row).options[1].value;
    adder.closest("label").before(row);
    show(row);
    offer();
    ($(".bulk-value input:not([type=hidden]), .bulk-value select, .bulk-value textarea", row) ?? how(row)).focus();
  };
  if (form) {
    $$(".bulk-field", form).forEach(show);
    offer();
    adder.addEventListener("change", () => {
      const row = $$(".bulk-field", form).find((each) => each.dataset.name === adder.value);
      if (row) choose(row);
    });
    form.addEventListener("change", ({ target }) => {
      if (!target.matches(".bulk-how")) return;
      const row = target.closest(".bulk-field");
      if (!target.value) {
        delete row.dataset.chosen;
        offer();
        adder.focus();
      }
      show(row);
    });
    if (!$("[data-chosen]", form)) adder.focus();
  }

  /* --- how far a run is ------------------------------------------------------------------------------------------------ */

  const box = $("#bulk-progress");
  const look = async () => {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer && (answer.redirected || !answer.ok)) return;
    const now = answer ? await answer.json() : null;
    if (now?.over) return location.reload();
    if (now) {
      $("progress", box).value = now.percent;
      $("[data-text]", box).textContent = now.text;
    }
    setTimeout(look, 1500);
  };
  if (box) look();
})();
