/* Prices of lines: what the server offers is filled in while nobody has typed a price, and a small question mark says why.
   Numbers that a product's formula asks for are typed there. */
(() => {
  "use strict";

  const { $, lines } = globalThis.countinghouse;
  const box = $("[data-lines][data-kind=document]");
  const told = JSON.parse($("[data-price-texts]")?.textContent ?? "null");
  if (!box || !told) return;

  const NAMES = ["unit_price", "discount_percent"];
  const marks = new WeakMap(); // row → its question mark and the text behind it
  let made = 0;

  const make = (tag, about = {}) => Object.assign(document.createElement(tag), about);
  const again = () => box.dispatchEvent(new Event("input", { bubbles: true }));

  const markOf = (row) => {
    if (marks.has(row)) return marks.get(row);
    const text = make("div", { className: "term-text price-text", id: `price-why-${made += 1}` });
    text.popover = "auto";
    const button = make("button", { type: "button", className: "term price-why", textContent: "?" });
    button.setAttribute("popovertarget", text.id);
    button.setAttribute("aria-label", told.why);
    button.tabIndex = -1;
    lines.control(row, "unit_price").closest("td").append(button);
    box.append(text);
    marks.set(row, { button, text });
    return marks.get(row);
  };

  const fill = (row, offer) => {
    for (const name of NAMES) {
      const control = lines.control(row, name);
      if (control.value !== offer[name]) lines.put(control, offer[name]);
      control.dataset.auto = "1";
    }
  };

  /* --- the numbers of a formula ------------------------------------------------------------------------------------- */

  const hidden = (row) => $("[name$='-parameters']", row);
  const numbers = (row, offer) => offer.parameters.map(({ name, title, sign, value, bounds }) => {
    const label = make("label", { className: "price-number" });
    const input = make("input", { className: "form-control", value, inputMode: "decimal", autocomplete: "off" });
    if (bounds) input.placeholder = bounds;
    input.addEventListener("input", (event) => event.stopPropagation());
    input.addEventListener("change", () => {
      const field = hidden(row);
      const given = JSON.parse(field.value || "{}");
      if (input.value.trim()) given[name] = input.value.trim();
      else delete given[name];
      field.value = JSON.stringify(given);
      again();
    });
    label.append(make("span", { textContent: sign ? `${title}, ${sign}` : title }), input);
    return label;
  });

  const show = (row, offer) => {
    const { button, text } = markOf(row);
    const isTyped = !offer.is_offered;
    button.classList.toggle("is-typed", isTyped);
    button.classList.toggle("is-asking", Boolean(offer.hint));
    const shown = JSON.stringify([offer, isTyped]);
    if (button.dataset.shown === shown) return;
    button.dataset.shown = shown;
    const parts = [make("strong", { textContent: told.why })];
    if (isTyped && lines.control(row, "unit_price").value.trim()) parts.push(make("p", { textContent: told.typed }));
    if (offer.steps.length) {
      const list = make("ol");
      list.append(...offer.steps.map((step) => make("li", { textContent: step })));
      parts.push(list);
    }
    if (offer.hint) parts.push(make("p", { className: "price-hint", textContent: offer.hint }));
    if (!$(":focus", text)) parts.push(...numbers(row, offer));
    else parts.push(...text.querySelectorAll(".price-number"));
    if (isTyped && offer.unit_price) {
      const reset = make("button", { type: "button", className: "btn", textContent: told.reset });
      reset.addEventListener("click", () => {
        lines.transact(box, () => fill(row, offer));
        text.hidePopover();
        again();
      });
      parts.push(reset);
    }
    text.replaceChildren(...parts);
  };

  const take = (row, offer) => {
    const controls = NAMES.map((name) => lines.control(row, name));
    if (controls.includes(document.activeElement)) return false;
    const isOpen = controls.every((control) => control.dataset.auto || !control.value.trim());
    const differs = NAMES.some((name, at) => controls[at].value !== offer[name]);
    if (offer.is_offered) controls.forEach((control) => { control.dataset.auto = "1"; });
    if (offer.is_offered || !isOpen || !offer.unit_price || !differs) return false;
    fill(row, offer);
    return true;
  };

  box.addEventListener("line-offers", ({ detail: { rows, offers } }) => {
    let filled = false;
    rows.forEach((row, at) => {
      const offer = offers[at];
      if (!row.isConnected || !lines.control(row, "unit_price")) return;
      if (!offer) {
        const standing = marks.get(row);
        if (standing) [standing.button, standing.text].forEach((each) => each.remove());
        marks.delete(row);
        return;
      }
      if (take(row, offer)) {
        filled = true;
        offer.is_offered = true;
      }
      show(row, offer);
    });
    if (filled) again();
  });
})();
