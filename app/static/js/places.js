// Places for names in the texts of mail templates: a press puts one where one writes, and marks the words to change.
(() => {
  "use strict";

  const bar = document.querySelector("[data-places]");
  const form = bar?.closest("form");
  if (!form) return;
  let field = null; // where one writes

  form.addEventListener("focusin", (event) => {
    if (bar.contains(event.target)) return;
    const isText = event.target.matches("textarea, input") && /-(text|subject|preheader|message)$/.test(event.target.name ?? "");
    if (isText) field = event.target;
    else if (event.target.matches("input, select, textarea")) field = null;
    bar.hidden = !field;
  });
  bar.addEventListener("mousedown", (event) => event.preventDefault()); // the cursor stays where it is
  bar.addEventListener("click", (event) => {
    const place = event.target.closest("[data-place]")?.dataset.place;
    if (!place || !field?.isConnected) return;
    const at = field.selectionStart;
    field.focus();
    field.setRangeText(place, at, field.selectionEnd, "end");
    const words = place.indexOf("|");
    if (words > 0) field.setSelectionRange(at + words + 1, at + place.length - 1);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
