/* Cards and entries that are dragged from one list to another: what the board and the calendar have in common. */

(() => {
  "use strict";

  const { $$ } = globalThis.countinghouse;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** Let what stands in the lists of a face be dragged between them; a list that is ready already stays as it is. */
  const dragging = (face, selector, options) => {
    if (!face || !globalThis.Sortable) return;
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

  Object.assign(globalThis.countinghouse, { dragging });
})();
