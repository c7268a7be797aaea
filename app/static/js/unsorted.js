// The unsorted leads by keys: J and K go down and up, A accepts, R rejects, O opens.
(() => {
  "use strict";
  const rows = [...document.querySelectorAll("[data-sort]")];
  let at = -1;
  const go = (to) => {
    if (!rows.length) return;
    at = Math.min(Math.max(to, 0), rows.length - 1);
    rows.forEach((row, place) => row.classList.toggle("is-here", place === at));
    rows[at].focus();
    rows[at].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    const row = rows[at];
    const key = event.key.toLowerCase();
    if (key === "j") go(at + 1);
    else if (key === "k") go(at - 1);
    else if (row && key === "a") row.querySelector("[data-accept]")?.click();
    else if (row && key === "o") row.querySelector("[data-open]")?.click();
    else if (row && key === "r") {
      const opener = row.querySelector("[data-reject]");
      if (!opener) return;
      opener.parentElement.open = true;
      opener.parentElement.querySelector("select").focus();
    } else return;
    event.preventDefault();
  });
})();
