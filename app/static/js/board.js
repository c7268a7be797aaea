/* Boards: a card is dragged to another column, or sent there by its menu. The server decides and says what it did;
   until it has, the card waits where it was put, and goes back when it may not stay. */

(() => {
  "use strict";

  const { $, $$, ask, dragging, isTyping } = globalThis.countinghouse;
  const board = () => $("#board");
  const mover = () => $("#mover");
  const columnOf = (node) => node?.closest?.(".board-column") ?? null;
  const listOf = (column) => $(".board-cards", column);
  const say = (text, options) => {
    if (globalThis.countinghouse.toast) globalThis.countinghouse.toast(text, options);
    else $("#board-said").textContent = text;
  };
  const focusOn = (card) => ($(".bcard-title", card) ?? card)?.focus({ preventScroll: true });

  /* --- moving ------------------------------------------------------------------------------------------------------- */

  const goBack = (card, place) => {
    if (place.next?.isConnected && place.next.parentNode === place.list) place.next.before(card);
    else place.list.prepend(card);
    card.classList.remove("is-under-way");
  };
  const placeOf = (card) => ({ list: card.parentNode, next: card.nextElementSibling });

  const settle = (card, told) => {
    for (const [key, html] of Object.entries(told.heads)) {
      const column = $$(".board-column").find((each) => each.dataset.column === key);
      if (column) $(".board-head", column).outerHTML = html;
    }
    const to = $$(".board-column").find((each) => each.dataset.column === told.column);
    const made = document.createElement("template");
    made.innerHTML = told.card.trim();
    const fresh = $(".bcard", made.content);
    if (!fresh || !to) return card.remove();
    if (columnOf(card) === to) card.replaceWith(fresh);
    else {
      card.remove();
      listOf(to).prepend(fresh);
    }
    fresh.classList.add("is-moved");
    focusOn(fresh);
    fresh.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const question = (card, to) => {
    const button = $$("[name=to]", card).find((each) => each.value === to);
    const text = button?.dataset.asks;
    return text ? ask(text, button.dataset.label, "danger" in button.dataset) : Promise.resolve(true);
  };

  const send = async (card, to, place) => {
    if (card.classList.contains("is-under-way")) return;
    card.classList.add("is-under-way");
    if (!(await question(card, to))) {
      goBack(card, place);
      return focusOn(card);
    }
    const form = mover();
    const version = $("[name=record_version]", form);
    if (version) version.value = card.dataset.version;
    const body = new FormData(form);
    body.set("to", to);
    const answer = await fetch(`${form.dataset.url}${card.dataset.id}${form.dataset.query}`, {
      method: "POST", body, redirect: "manual", headers: { "X-Part": "1" },
    }).catch(() => null);
    const told = answer?.status === 200 ? await answer.json().catch(() => null) : null;
    if (!told) return location.reload(); // signed out, gone, or the network is: the page says it better
    if (told.open) return location.assign(told.open);
    if ("refused" in told) {
      goBack(card, place);
      focusOn(card);
      return told.refused ? say(told.refused, { category: "warning" }) : undefined;
    }
    settle(card, told);
    say(told.said, { undo: told.undo });
  };

  document.addEventListener("submit", (event) => {
    if (event.target !== mover() || !event.submitter) return;
    event.preventDefault();
    const card = event.submitter.closest(".bcard");
    $("details[open]", card)?.removeAttribute("open");
    send(card, event.submitter.value, placeOf(card));
  }, true);

  /* --- dragging ------------------------------------------------------------------------------------------------------ */

  let from = null;
  const mark = (card) => $$(".board-column").forEach((column) => {
    const open = JSON.parse(card?.dataset.open ?? "[]");
    column.classList.toggle("is-open", Boolean(card) && open.includes(column.dataset.column));
    column.classList.toggle("is-closed", Boolean(card) && column !== columnOf(card) && !open.includes(column.dataset.column));
  });
  const ready = () => dragging(board(), ".board-cards", {
    group: "board",
    draggable: ".bcard",
    filter: ".is-fixed, .bcard-menu, .board-more",
    onStart: ({ item }) => { from = placeOf(item); mark(item); },
    onEnd: ({ item, to }) => {
      mark(null);
      if (to !== from.list) send(item, columnOf(to).dataset.column, from);
    },
  });
  document.addEventListener("pointerdown", ({ target }) => { // an own place, before the library moves anything
    const card = target instanceof Element && target.closest(".bcard");
    if (card) from = placeOf(card);
  });

  /* --- keys ---------------------------------------------------------------------------------------------------------- */

  const cardsOf = (column) => $$(".bcard", column);
  const step = (card, keys) => {
    const all = cardsOf(columnOf(card));
    const at = all.indexOf(card);
    if (keys === "ArrowDown" || keys === "ArrowUp") return all[at + (keys === "ArrowDown" ? 1 : -1)];
    const columns = $$(".board-column").filter((column) => cardsOf(column).length);
    const next = columns[columns.indexOf(columnOf(card)) + (keys === "ArrowRight" ? 1 : -1)];
    return next && cardsOf(next)[Math.min(at, cardsOf(next).length - 1)];
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
    const menu = $(".bcard-menu[open]");
    if (menu) {
      const buttons = $$("button", menu);
      const at = buttons.indexOf(document.activeElement);
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        buttons[(at + (event.key === "ArrowDown" ? 1 : -1) + buttons.length) % buttons.length]?.focus();
      }
      if (event.key === "Escape") {
        event.stopPropagation();
        menu.open = false;
        focusOn(menu.closest(".bcard"));
      }
      return;
    }
    if (!board()) return;
    const card = document.activeElement?.closest?.(".bcard");
    const walks = event.key.startsWith("Arrow");
    if (!card) {
      const first = (event.key === "j" || (walks && document.activeElement === board())) && $(".bcard", board());
      if (first) { event.preventDefault(); focusOn(first); }
      return;
    }
    if (walks) {
      event.preventDefault();
      const next = step(card, event.key);
      if (next) { focusOn(next); next.scrollIntoView({ block: "nearest", inline: "nearest" }); }
    }
    if (event.key === "m") {
      event.preventDefault();
      const own = $(".bcard-menu", card);
      if (own) { own.open = true; $("button", own).focus(); }
      else send(card, "", placeOf(card));
    }
  }, true);

  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches?.(".bcard-menu") || !target.open) return;
    $$(".bcard-menu[open]").filter((each) => each !== target).forEach((each) => { each.open = false; });
  }, true);

  document.addEventListener("htmx:afterSettle", ready);
  ready();
})();
