/* Recovery codes: copied or printed with one click. Without it they can be read, typed and kept as a file. */

(() => {
  "use strict";

  const { $ } = globalThis.countinghouse;
  const text = $("#codes-text");
  const copy = $("[data-copy]"), print = $("[data-print]");
  if (!text || !copy || !print) return;

  copy.hidden = print.hidden = false;
  copy.addEventListener("click", async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      document.execCommand("copy"); // without a secure address there is no other way
    }
    copy.textContent = copy.dataset.copied;
  });
  print.addEventListener("click", () => globalThis.print());
})();
