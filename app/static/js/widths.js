/* Columns as wide as the reader wants them: dragged by their borders, by keys, or fitted to their texts. */

(() => {
  "use strict";

  const { $, $$ } = globalThis.countinghouse;
  const NARROWEST = 48;
  const WIDEST = 1200;
  const STEP = 16;

  const heads = (table) => $$("th[data-col]", table);
  const widthOf = (head) => Math.ceil(head.getBoundingClientRect().width);
  const fitted = (width) => Math.min(Math.max(Math.round(width), NARROWEST), WIDEST);
  const kept = (head) => Number.parseInt(head.style.getPropertyValue("--width"), 10) || widthOf(head);
  const measure = (table) => table.style.setProperty("--records", `${heads(table).reduce((sum, head) => sum + kept(head), 0)}px`);

  /* Every column gets the width that it has, so that nothing moves when the first one is changed. */
  const fix = (table) => {
    if (table.classList.contains("is-sized")) return;
    const widths = heads(table).map(widthOf);
    heads(table).forEach((head, place) => head.style.setProperty("--width", `${widths[place]}px`));
    measure(table);
    table.classList.add("is-sized");
  };
  const say = (grip, width) => {
    grip.setAttribute("aria-valuenow", String(width));
  };
  const set = (head, width) => {
    const table = head.closest("table");
    fix(table);
    head.style.setProperty("--width", `${fitted(width)}px`);
    measure(table);
    say($(".grip", head), fitted(width));
  };

  /* As wide as the widest text that is in sight. */
  const fit = (head) => {
    const table = head.closest("table");
    const place = [...head.parentElement.children].indexOf(head);
    const range = document.createRange();
    const wanted = [head, ...$$("tbody tr", table).map((row) => row.children[place])].filter(Boolean).map((cell) => {
      const style = getComputedStyle(cell);
      range.selectNodeContents(cell);
      const grip = $(".grip", cell);
      if (grip) range.setEndBefore(grip);
      return range.getBoundingClientRect().width + parseFloat(style.paddingLeft) + parseFloat(style.paddingRight) + 4;
    });
    set(head, Math.ceil(Math.max(NARROWEST, ...wanted)));
  };

  let waiting = 0;
  const keep = (table) => {
    const form = $("form[data-widths-form]");
    if (!form) return;
    form.hidden = false;
    const values = Object.fromEntries(heads(table).map((head) => [`w.${head.dataset.col}`, String(kept(head))]));
    clearTimeout(waiting);
    waiting = setTimeout(() => globalThis.countinghouse.send(form, values), 250);
  };

  const drag = (event) => {
    const grip = event.currentTarget;
    const head = grip.closest("th");
    const table = head.closest("table");
    event.preventDefault();
    grip.focus({ preventScroll: true });
    const start = event.clientX;
    const before = widthOf(head);
    let moved = false;
    const move = ({ clientX }) => {
      if (!moved && Math.abs(clientX - start) < 3) return;
      moved = true;
      set(head, before + (clientX - start));
    };
    const end = () => {
      grip.removeEventListener("pointermove", move);
      if (moved) keep(table);
    };
    grip.setPointerCapture(event.pointerId);
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", end, { once: true });
  };
  const press = (event) => {
    const head = event.currentTarget.closest("th");
    const steps = { ArrowLeft: -STEP, ArrowRight: STEP };
    if (steps[event.key]) set(head, kept(head) + steps[event.key]);
    else if (event.key === "Enter") fit(head);
    else if (event.key === "Home") set(head, NARROWEST);
    else return;
    event.preventDefault();
    event.stopPropagation();
    keep(head.closest("table"));
  };

  const addGrips = () => $$("table.records th[data-col]").forEach((head) => {
    if ($(".grip", head)) return;
    const grip = Object.assign(document.createElement("span"), { className: "grip", tabIndex: 0 });
    const label = ($("[data-grip-text]")?.innerHTML ?? "{what}").replace("{what}", $("a, span", head)?.textContent.trim() ?? "");
    const about = { role: "separator", "aria-orientation": "vertical", "aria-label": label, "aria-valuemin": NARROWEST, "aria-valuemax": WIDEST };
    Object.entries(about).forEach(([name, value]) => grip.setAttribute(name, String(value)));
    say(grip, widthOf(head));
    grip.addEventListener("pointerdown", drag);
    grip.addEventListener("keydown", press);
    grip.addEventListener("click", (event) => event.stopPropagation());
    grip.addEventListener("dblclick", () => { fit(head); keep(head.closest("table")); });
    head.append(grip);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches?.("[data-widths-form]")) return;
    event.preventDefault();
    event.stopPropagation();
    form.hidden = true;
    clearTimeout(waiting);
    const table = $("table.records");
    table?.classList.remove("is-sized");
    table?.style.removeProperty("--records");
    heads(table).forEach((head) => head.style.removeProperty("--width"));
    globalThis.countinghouse.send(form, {});
    form.closest("details").open = false;
    $("summary", form.closest("details"))?.focus();
  }, true);

  addGrips();
  document.addEventListener("htmx:afterSettle", addGrips);
})();
