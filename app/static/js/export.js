/* The page of an export as a dialog over its list; without this script it is a page of its own. */

(() => {
  "use strict";

  const { $ } = globalThis.countinghouse;

  const open = async (link) => {
    const answer = await fetch(link.href, { headers: { "X-Dialog": "1" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) {
      location.assign(link.href); // the page itself says what is the matter
      return;
    }
    const box = document.createElement("dialog");
    box.className = "export";
    box.setAttribute("aria-labelledby", "export-title");
    box.innerHTML = await answer.text();
    $("title", box)?.remove();
    document.body.append(box);
    box.addEventListener("click", (event) => {
      if (event.target !== box && !event.target.closest("[data-export-cancel]")) return;
      event.preventDefault();
      box.close();
    });
    // A file leaves the page where it is; a refusal comes as a page.
    box.addEventListener("submit", (event) => {
      const reason = $("textarea[aria-required]", box);
      if (reason && !reason.value.trim()) {
        event.preventDefault();
        reason.focus();
        return;
      }
      setTimeout(() => box.close());
    });
    box.addEventListener("close", () => {
      box.remove();
      link.focus();
    });
    link.closest("details[open]")?.removeAttribute("open");
    box.showModal();
    $("textarea", box)?.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-export]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link);
  });
})();
