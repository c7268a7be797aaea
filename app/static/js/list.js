/* Lists: ticks and what is done with them, keys, columns, and pages that come without the frame. */

(() => {
  "use strict";

  const { $, $$, icon, text, isTyping, language, part, widgets } = globalThis.countinghouse;

  /* --- ticks ------------------------------------------------------------------------------------------------------ */

  const rows = () => $("#many");
  const ticks = () => $$('input[name="rowid"]', rows() ?? document.createElement("div"));
  const showTicks = () => {
    const form = rows();
    if (!form) return;
    const chosen = ticks().filter((tick) => tick.checked).length;
    const all = $("[data-tick-all]", form);
    if (all) {
      all.checked = chosen > 0 && chosen === ticks().length;
      all.indeterminate = chosen > 0 && !all.checked;
    }
    const bulk = $(".bulk", form);
    if (!bulk) return;
    bulk.hidden = chosen === 0;
    const everything = $('[name="all"]', bulk); // everything that matches, offered once the whole page is ticked
    if (everything && chosen < ticks().length) everything.checked = false;
    const count = everything?.checked ? everything.dataset.all : chosen.toLocaleString(language);
    $(".bulk-count", bulk).textContent = text("selected", { count });
  };
  let lastTick = null;

  document.addEventListener("click", ({ target, shiftKey }) => {
    if (!(target instanceof HTMLInputElement) || target.name !== "rowid") return;
    if (shiftKey && lastTick?.isConnected) {
      const all = ticks();
      const [from, to] = [all.indexOf(lastTick), all.indexOf(target)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((tick) => { tick.checked = target.checked; });
    }
    lastTick = target;
  });
  document.addEventListener("change", ({ target }) => {
    if (!target.closest?.("#many")) return;
    if (target.matches("[data-tick-all]")) ticks().forEach((tick) => { tick.checked = target.checked; });
    showTicks();
  });
  const untick = () => {
    ticks().forEach((tick) => { tick.checked = false; });
    showTicks();
  };
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element) || !target.closest("[data-untick]")) return;
    untick();
    ticks()[0]?.focus();
  });
  addEventListener("pageshow", showTicks);

  /* --- keys: j and k walk, x ticks, e edits, n makes a new one; Enter opens, as any link does ------------------------ */

  const links = () => $$("#many .row-link");
  const here = () => document.activeElement?.closest?.("#many tbody tr") ?? null;
  const walk = (step) => {
    const all = links();
    if (!all.length) return;
    const at = all.findIndex((link) => link.closest("tr") === here());
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
    next.focus();
    next.closest("tr").scrollIntoView({ block: "nearest" });
  };
  const keys = {
    j: () => walk(1),
    k: () => walk(-1),
    x: () => {
      const tick = here() && $('input[name="rowid"]', here());
      if (!tick) return;
      tick.checked = !tick.checked;
      showTicks();
    },
    e: () => {
      const link = here() && $(".row-link", here());
      if (link) location.assign(link.href.replace("/show/", "/edit/"));
    },
    n: () => { if ($("#list")?.dataset.new) location.assign($("#list").dataset.new); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
    if (event.key === "Escape" && !$("details.drop[open], details.filters[open]") && ticks().some((tick) => tick.checked)) return untick();
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  /* --- order by several columns; columns in another order ------------------------------------------------------------ */

  document.addEventListener("click", (event) => {
    const link = event.shiftKey && event.target instanceof Element && event.target.closest("a[data-more]");
    if (!link) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(link.dataset.more);
  }, true);

  const mover = (item, list, step) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-icon" });
    const what = $(".check", item).textContent.trim();
    button.setAttribute("aria-label", (step < 0 ? list.dataset.up : list.dataset.down).replace("{what}", what));
    button.append(icon(step < 0 ? "chevron-up" : "chevron-down"));
    button.addEventListener("click", () => {
      if (step < 0) item.previousElementSibling?.before(item);
      else item.nextElementSibling?.after(item);
      button.focus();
    });
    return button;
  };
  const addMovers = (list) => $$("li", list).forEach((item) => {
    const box = Object.assign(document.createElement("span"), { className: "movers" });
    box.append(mover(item, list, -1), mover(item, list, 1));
    item.append(box);
  });

  /* What few open is made and fetched when they do. */
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open || !target.closest?.("#list")) return;
    if (target.matches(".filters, .keep-view")) widgets(target);
    const list = $(".column-list", target);
    if (list && !$(".movers", list)) addMovers(list);
  }, true);

  /* --- what says nothing stays out of the address ---------------------------------------------------------------------- */

  const clean = (data) => {
    for (const name of new Set([...data.keys()])) {
      const values = data.getAll(name);
      const speaks = name.startsWith("o.")
        ? ["empty", "full", "idle"].includes(values[0]) || data.get(`v.${name.slice(2)}`)
        : values.some((value) => value !== "");
      if (!speaks) data.delete(name);
    }
  };
  document.addEventListener("formdata", ({ target, formData }) => { if (target.closest("#list") && target.method === "get") clean(formData); });
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get" || !detail.elt.closest("#list")) return;
    const data = detail.formData;
    clean(data);
  });

  /* --- a part of the page that comes anew ------------------------------------------------------------------------------ */

  part("list");
  document.addEventListener("click", ({ target }) => { if (target instanceof Element && target.closest("[data-print]")) globalThis.print(); });
  document.addEventListener("htmx:afterSettle", () => {
    const list = $("#list");
    if (!list || list.dataset.known) return;
    list.dataset.known = "1";
    showTicks();
  });
})();
