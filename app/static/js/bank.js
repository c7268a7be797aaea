// The desk of a bank statement by keys: J and K go down and up, Enter takes the first proposal, 1-9 another one.
(() => {
  "use strict";
  const one = (what) => document.querySelector(what);
  one(".bank-line[aria-current]")?.scrollIntoView({ block: "nearest" });
  const open = (what, field) => {
    const place = one(what);
    if (!place) return false;
    place.open = true;
    (place.querySelector(".ts-control input") || place.querySelector(field)).focus();
    return true;
  };
  const press = (what) => {
    const button = one(what);
    if (!button || button.disabled) return false;
    button.click();
    return true;
  };
  const acts = {
    j: () => press("[data-bank-behind]"),
    k: () => press("[data-bank-before]"),
    enter: () => press("[data-bank-first]"),
    s: () => open("[data-bank-split]", "input[name^=doc-]"),
    n: () => open("[data-bank-advance]", "select"),
    i: () => open("[data-bank-ignore]", "input[name=reason]"),
    u: () => press(".toast-undo button") || press("[data-bank-undo]"),
    "/": () => {
      one("[data-bank-search]")?.focus();
      return Boolean(one("[data-bank-search]"));
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, textarea, select, [contenteditable], dialog, summary")) return;
    const key = event.key.toLowerCase();
    if (key === "enter" && event.target.closest("a, button")) return;
    const chosen = /^[1-9]$/.test(key) ? document.querySelectorAll("[data-bank-proposal]")[Number(key) - 1] : null;
    chosen?.click();
    if (!chosen && !acts[key]?.()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
