/* Calendars: keys turn the pages; an entry is dragged to another day, or stepped there with Shift and the arrows. */

(() => {
  "use strict";

  const { $, $$, dragging, isTyping } = globalThis.countinghouse;
  const cal = () => $("#cal");
  const say = (text, options) => {
    if (globalThis.countinghouse.toast) globalThis.countinghouse.toast(text, options);
    else $("#cal-said").textContent = text;
  };
  const dayOf = (node) => node.closest("[data-day]").dataset.day;

  /* --- moving -------------------------------------------------------------------------------------------------------- */

  /* The page as it stands now, without the frame; what was focused keeps the focus. */
  const refresh = async (key) => {
    const answer = await fetch(location.href, { headers: { "HX-Request": "true", "HX-Target": "list" } }).catch(() => null);
    if (answer?.status !== 200) return location.reload();
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = $("#list", made);
    if (!fresh) return location.reload();
    $("#list").replaceWith(document.adoptNode(fresh));
    htmx.process($("#list"));
    ready();
    $(`.entry[data-id="${key}"] > a`)?.focus({ preventScroll: true });
  };
  const send = async (entry, to) => {
    const form = $("#mover");
    const body = new FormData(form);
    body.set("to", to);
    body.set("record_version", entry.dataset.version);
    const answer = await fetch(`${form.dataset.url}${entry.dataset.id}${form.dataset.query}`, {
      method: "POST", body, redirect: "manual", headers: { "X-Part": "1" },
    }).catch(() => null);
    const told = answer?.status === 200 ? await answer.json().catch(() => null) : null;
    if (!told) return location.reload(); // signed out, gone, or the network is: the page says it better
    await refresh(entry.dataset.id);
    if ("refused" in told) return say(told.refused, { category: "warning" });
    return say(told.said, { undo: told.undo });
  };
  document.addEventListener("submit", (event) => {
    const entry = event.target.closest?.(".entry");
    if (!entry) return;
    event.preventDefault();
    send(entry, $("[name=to]", event.target).value);
  }, true);

  const ready = () => dragging(cal(), ".cal-entries", {
    group: "calendar",
    draggable: ".entry",
    filter: ".entry:not(.may-move), .entry-menu",
    onEnd: ({ item, from, to }) => { if (from !== to) send(item, dayOf(to)); },
  });

  /* --- keys ---------------------------------------------------------------------------------------------------------- */

  const GOES = { ArrowLeft: "before", ArrowRight: "after", t: "today", m: "month", w: "week", d: "day" };
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const shifted = (iso, days) => {
    const day = new Date(`${iso}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + days);
    return day.toISOString().slice(0, 10);
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]") || !cal()) return;
    if ($("#list details.drop[open], #list details.filters[open]") && event.key !== "Escape") return;
    const entry = document.activeElement?.closest?.(".entry.may-move");
    if (event.shiftKey && entry && STEPS[event.key]) {
      event.preventDefault();
      return send(entry, shifted(dayOf(entry), STEPS[event.key]));
    }
    if (event.shiftKey || !GOES[event.key]) return;
    event.preventDefault();
    next = GOES[event.key];
    go();
  });

  /* A key pressed while the calendar is under way counts when it is there. */
  let next = "";
  const go = () => {
    if (!next || $("#list[aria-busy], .htmx-swapping, .htmx-settling")) return;
    const link = $(`[data-go="${next}"]`);
    next = "";
    link?.click();
  };
  document.addEventListener("htmx:sendError", () => { next = ""; });
  document.addEventListener("htmx:afterSettle", () => { ready(); setTimeout(go); });
  ready();
})();
