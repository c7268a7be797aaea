/* Cards and entries that are dragged from one list to another: what the board and the calendar have in common. */

(() => {
  "use strict";

  const { $$, scripts } = globalThis.countinghouse;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const settle = (face, selector, options) => {
    if (!globalThis.Sortable) return;
    $$(selector, face).filter((list) => !list.dataset.ready).forEach((list) => {
      list.dataset.ready = "1";
      globalThis.Sortable.create(list, {
        preventOnFilter: false,
        sort: false,
        animation: calm.matches ? 0 : 120,
        delay: 180,
        delayOnTouchOnly: true,
        touchStartThreshold: 6,
        ghostClass: "is-ghost",
        ...options,
      });
    });
  };

  /** Let what stands in the lists of a face be dragged between them; a list that is ready already stays as it is.
      What dragging needs is fetched when a mouse comes over the face; where there is no mouse, at once. */
  const dragging = (face, selector, options) => {
    if (!face) return;
    const ready = () => scripts(face.dataset.sortable).then(() => settle(face, selector, options));
    if (globalThis.Sortable || matchMedia("(hover: none)").matches) ready();
    else face.addEventListener("pointerover", ready, { once: true });
  };

  Object.assign(globalThis.countinghouse, { dragging });
})();
