// One's own day by the keyboard: arrows go from one activity to the next, "d" opens what finishes it.
"use strict";
(() => {
  const links = () => [...document.querySelectorAll("[data-day-link]")];
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  const go = (step) => {
    const all = links();
    const item = document.activeElement?.closest("[data-day-item]");
    const here = item ? all.indexOf(item.querySelector("[data-day-link]")) : -1;
    const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
    next?.focus();
    return Boolean(next);
  };

  const finish = () => {
    const done = document.activeElement?.closest("[data-day-item]")?.querySelector(".day-done");
    if (!done) return false;
    done.open = true;
    done.querySelector("textarea").focus();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) {
      const form = event.target.closest(".day-done form");
      if (form && event.key === "Escape") {
        const item = form.closest("[data-day-item]");
        form.closest("details").open = false;
        item.querySelector("[data-day-link]").focus();
      }
      return;
    }
    const acts = { ArrowDown: () => go(1), ArrowUp: () => go(-1), d: finish };
    if (acts[event.key]?.()) event.preventDefault();
  });
})();
