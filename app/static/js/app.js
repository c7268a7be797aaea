/* What every page does beyond HTML. Each part looks for its attributes and works on markup that is added later
   through `countinghouse.enhance(node)` or an event "widgets" with the new node as its detail. No page needs it to be read, filled in and sent. */

(() => {
  "use strict";

  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const language = document.documentElement.lang || "en";
  const said = JSON.parse($("#texts")?.textContent ?? "{}");
  const text = (name, values = {}) =>
    Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, value), said[name] ?? "");
  const icon = (name) => {
    const sprite = $("svg.icon use")?.getAttribute("href")?.split("#")[0] ?? "";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${sprite}#${name}`);
    svg.append(use);
    return svg;
  };

  /* --- sidebar on a narrow screen: the rest of the page is inert while it is open ---------------------------------- */

  const side = $("#side");
  const burger = $('[data-toggle="side"]');
  const narrow = matchMedia("(max-width: 960px)");

  const showSide = (open) => {
    if (!side || !burger) return;
    side.classList.toggle("is-open", open);
    burger.setAttribute("aria-expanded", String(open));
    $$(".stage, .skip").forEach((part) => { part.inert = open; });
    if (open) ($("[data-close=side]", side) ?? $("a", side))?.focus();
    else if (narrow.matches) burger.focus();
  };
  const sideIsOpen = () => side?.classList.contains("is-open") ?? false;

  burger?.addEventListener("click", () => showSide(!sideIsOpen()));
  $$("[data-close=side]").forEach((part) => part.addEventListener("click", () => showSide(false)));
  narrow.addEventListener("change", () => { if (!narrow.matches && sideIsOpen()) showSide(false); });

  /* --- menus: <details> that close like menus --------------------------------------------------------------------- */

  const menus = "details.drop, details.filters";
  const floating = ".ts-dropdown, .flatpickr-calendar, dialog";

  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element) || !target.isConnected || target.closest(floating)) return;
    $$(menus).forEach((menu) => { if (menu.open && !menu.contains(target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || $("dialog[open]")) return;
    if (sideIsOpen()) return showSide(false);
    const open = $$(menus).find((menu) => menu.open);
    if (!open || $(".dropdown-active", open) || $(".flatpickr-calendar.open")) return;
    open.open = false;
    $("summary", open)?.focus();
  });
  document.addEventListener("toggle", ({ target: menu }) => {
    if (menu.matches?.("details.filters") && menu.open) $("select, .ts-control input, input:not([type=hidden])", menu)?.focus();
  }, true);

  /* --- keys ------------------------------------------------------------------------------------------------------- */

  const isTyping = (node) => node instanceof Element && (node.matches("input, textarea, select") || node.isContentEditable);

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
      const box = $("#q");
      if (!box) return;
      event.preventDefault();
      box.focus();
      box.select();
    }
    if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target) && !$("dialog[open]")) {
      event.preventDefault();
      $("#keys")?.showModal();
    }
    const save = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey &&
      (event.key === "Enter" || event.code === "KeyS");
    if (!save) return;
    const form = document.activeElement?.closest?.("form[data-guard]") ?? $("form[data-guard]");
    const button = form && $("[data-save]", form);
    if (!button) return;
    event.preventDefault();
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.dispatchEvent(new Event("change"));
    if (!button.disabled) form.requestSubmit(button);
  });

  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("[data-keys]")) $("#keys")?.showModal();
    if (target === $("#keys[open]")) target.close(); // a click beside it
  });

  /* --- questions before an act ------------------------------------------------------------------------------------ */

  const dialog = $("#confirm");
  let agreed = null;

  const ask = (question, label, dangerous) => new Promise((resolve) => {
    $("#confirm-text", dialog).textContent = question;
    const yes = $('[value="yes"]', dialog);
    yes.textContent = label || yes.dataset.label;
    yes.classList.toggle("btn-danger", dangerous);
    const answer = (event) => {
      const value = event.type === "close" ? "" : event.target.closest("button")?.value;
      if (value === undefined) return;
      dialog.removeEventListener("click", answer);
      dialog.removeEventListener("close", answer);
      dialog.close();
      resolve(value === "yes");
    };
    dialog.addEventListener("click", answer);
    dialog.addEventListener("close", answer);
    dialog.showModal();
  });
  if (dialog) $('[value="yes"]', dialog).dataset.label = $('[value="yes"]', dialog).textContent;

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const { submitter } = event;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || !dialog || agreed === form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const yes = await ask(question, submitter?.textContent.trim(), submitter?.classList.contains("btn-danger") ?? false);
    if (!yes) return submitter?.focus();
    agreed = form;
    form.requestSubmit(submitter);
    agreed = null;
  }, true);

  /* --- forms: sent once, never lost ------------------------------------------------------------------------------- */

  const sent = new WeakSet();
  const snapshot = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => !name.startsWith("draft_")).map(([name, value]) => [name, value?.name ?? value]));
  const first = new WeakMap();
  const isChanged = (form) => !sent.has(form) && first.has(form) && first.get(form) !== snapshot(form);
  const release = (form) => first.delete(form); // it may be left without a question

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.matches("[data-download]")) return; // a file leaves the page
    if (sent.has(form)) return event.preventDefault();
    sent.add(form);
    // after the browser has read which button was pressed
    setTimeout(() => {
      $$("button[type=submit], button:not([type])", form).forEach((button) => { button.disabled = true; });
      event.submitter?.setAttribute("data-busy", "");
    });
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    $$("form").forEach((form) => {
      sent.delete(form);
      $$("button[disabled]", form).forEach((button) => { button.disabled = false; button.removeAttribute("data-busy"); });
    });
  });
  addEventListener("beforeunload", (event) => {
    if ($$("form[data-guard]").some(isChanged) && !$$("form").some((form) => sent.has(form))) event.preventDefault();
  });

  const focusFirstError = () => {
    const field = $("[aria-invalid=true]:not(.tomselected), .ts-control [aria-invalid=true]");
    // of several errors the summary tells first; it leads to each
    const start = $$("#form-errors li").length > 1 ? $("#form-errors") : field ?? $("#form-errors");
    start?.focus({ preventScroll: true });
    (start?.closest(".form-group") ?? start)?.scrollIntoView({ block: "center" });
  };

  /* --- colours: at once, and kept ---------------------------------------------------------------------------------- */

  $$("form[data-theme-form]").forEach((form) => form.addEventListener("submit", async (event) => {
    const chosen = event.submitter?.value;
    if (!chosen) return;
    event.preventDefault();
    event.stopPropagation();
    const body = new FormData(form);
    body.set("theme", chosen);
    body.set("quiet", "1");
    document.documentElement.dataset.theme = chosen;
    document.dispatchEvent(new CustomEvent("theme", { detail: chosen }));
    $$("button", form).forEach((button) => button.setAttribute("aria-pressed", String(button.value === chosen)));
    await fetch(form.action, { method: "POST", body }).catch(() => {});
  }));

  /* What a column has no room for is said by the pointer. */
  document.addEventListener("mouseover", ({ target }) => {
    const cell = target instanceof Element && target.closest(".records td");
    if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent.trim();
  });

  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("[data-dismiss]");
    if (button) button.closest(`.${button.dataset.dismiss}`)?.remove();
  });

  /* --- scripts that are fetched when somebody is about to need them ------------------------------------------------ */

  const fetched = new Map();
  const fetchScript = (src) => fetched.get(src) ?? fetched.set(src, new Promise((resolve) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: resolve }));
  })).get(src);
  const scripts = (list = "") => list.split(" ").filter(Boolean)
    .reduce((before, src) => before.then(() => fetchScript(src)), Promise.resolve());

  /* --- dates: typed freely, or picked from a calendar -------------------------------------------------------------- */

  const patterns = { en: "yyyy-MM-dd", nl: "dd-MM-yyyy", ru: "dd.MM.yyyy", hy: "dd.MM.yyyy" };
  const ofFlatpickr = (pattern) => pattern.replace(/y+/, "Y").replace(/M+/, "m").replace(/d+/, "d");
  const inPattern = (date, pattern) => pattern
    .replace(/y+/, String(date.getFullYear()).padStart(4, "0"))
    .replace(/M+/, String(date.getMonth() + 1).padStart(2, "0"))
    .replace(/d+/, String(date.getDate()).padStart(2, "0"));
  const example = (pattern) => pattern.replace(/y+/, "2026").replace(/M+/, "03").replace(/d+/, "31");

  const readDay = (value, pattern) => {
    const found = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*$/.exec(value);
    if (found) return [found[1], found[2], found[3]];
    const order = pattern.match(/y+|M+|d+/g).map((part) => part[0]);
    const numbers = value.match(/\d+/g) ?? [];
    if (numbers.length !== 3 || numbers[order.indexOf("y")].length !== 4) return null;
    return ["y", "M", "d"].map((part) => numbers[order.indexOf(part)]);
  };
  const toDate = (value, pattern) => {
    const [year, month, day] = (readDay(value, pattern) ?? []).map(Number);
    const date = new Date(year, month - 1, day);
    return date.getMonth() === month - 1 && date.getDate() === day ? date : null;
  };
  const toIso = (date) =>
    [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

  /* A filter's address keeps ISO days; the reader sees and types his own way. */
  const localise = (input) => {
    const pattern = patterns[language] ?? patterns.en;
    const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: input.name, value: input.value });
    const shown = toDate(input.value, "yyyy-MM-dd");
    input.removeAttribute("name");
    input.dataset.date = pattern;
    if (shown) input.value = inPattern(shown, pattern);
    if (!input.placeholder) input.placeholder = example(pattern);
    input.after(hidden);
    const keep = () => {
      const date = toDate(input.value, pattern);
      hidden.value = date ? toIso(date) : input.value;
    };
    input.addEventListener("input", keep);
    input.addEventListener("change", keep);
  };

  const dateField = (input) => {
    if (input.dataset.ready) return;
    input.dataset.ready = "1";
    if (input.dataset.dateIso) localise(input);
    const pattern = input.dataset.date;
    const box = document.createElement("span");
    box.className = "with-button";
    input.replaceWith(box);
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.setAttribute("aria-label", `${text("calendar")}: ${input.labels?.[0]?.firstChild?.textContent.trim() ?? ""}`);
    button.setAttribute("aria-haspopup", "dialog");
    button.append(icon("calendar"));
    // The calendar hangs on an input of its own: what is typed is never rewritten, not even when it is no date.
    const inner = Object.assign(document.createElement("input"), { hidden: true });
    box.append(input, inner, button);
    if (input.disabled || input.readOnly) button.disabled = true;
    let calendar = null; // its script is fetched when somebody comes near, and it is made when he asks for it
    const fetchCalendar = () => scripts(document.documentElement.dataset.calendar);
    const make = () => flatpickr(inner, {
      locale: flatpickr.l10ns[language] ?? "default",
      dateFormat: ofFlatpickr(pattern),
      positionElement: input,
      disableMobile: true,
      monthSelectorType: "dropdown",
      prevArrow: '<svg viewBox="0 0 16 16"><path d="M10.6 2.4 5 8l5.6 5.6 1.1-1.1L7.2 8l4.5-4.5z"/></svg>',
      nextArrow: '<svg viewBox="0 0 16 16"><path d="M5.4 2.4 11 8l-5.6 5.6-1.1-1.1L8.8 8 4.3 3.5z"/></svg>',
      onReady: (_days, _text, { calendarContainer }) => {
        calendarContainer.setAttribute("role", "dialog");
        calendarContainer.setAttribute("aria-label", text("calendar"));
        $$(".flatpickr-prev-month, .flatpickr-next-month", calendarContainer).forEach((arrow, place) => {
          arrow.setAttribute("role", "button");
          arrow.setAttribute("aria-label", text(place ? "next_month" : "previous_month"));
        });
        $(".flatpickr-monthDropdown-months", calendarContainer)?.setAttribute("aria-label", text("month"));
        $(".cur-year", calendarContainer)?.setAttribute("aria-label", text("year"));
        calendarContainer.addEventListener("keydown", (event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation();
          calendar?.close();
          input.focus();
        });
      },
      onChange: (days, value) => {
        input.value = value;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
        input.focus();
      },
    });
    const open = async (intoCalendar) => {
      if (input.disabled || input.readOnly) return;
      await fetchCalendar();
      if (!globalThis.flatpickr) return;
      calendar ??= make();
      calendar.setDate(toDate(input.value, pattern), false);
      calendar.open();
      if (!intoCalendar) return;
      const days = calendar.calendarContainer;
      ($(".flatpickr-day.selected", days) ?? $(".flatpickr-day.today", days) ?? $(".flatpickr-day", days))?.focus();
    };
    for (const near of ["pointerenter", "focusin"]) box.addEventListener(near, fetchCalendar, { once: true });
    button.addEventListener("click", () => (calendar?.isOpen ? calendar.close() : open(true)));
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        open(true);
      }
    });
  };

  /* --- selects: short lists stay native, long ones search, links ask the server ------------------------------------ */

  const describe = (select, control) => {
    for (const name of ["aria-describedby", "aria-invalid", "aria-label", "aria-required"]) {
      const value = select.getAttribute(name);
      if (value) control.setAttribute(name, value);
    }
  };
  const searchSelect = (select, options = {}) => {
    if (!globalThis.TomSelect || select.tomselect) return;
    const plugins = { no_backspace_delete: {} };
    const mayBeEmpty = !select.multiple && [...select.options].some((option) => option.value === "");
    if (mayBeEmpty) {
      plugins.clear_button = { title: text("clear") };
      delete plugins.no_backspace_delete;
    }
    const made = new TomSelect(select, {
      plugins,
      maxOptions: null,
      hidePlaceholder: false,
      placeholder: [...select.options].find((option) => option.value === "")?.text.replace("—", "").trim() || " ",
      refreshThrottle: 0, // Enter right after the last letter must not take what the first letters found
      openOnFocus: false,
      dropdownParent: select.closest(".filter-panel, .table-wrap") ? "body" : null,
      ...options,
      render: {
        no_results: () => `<div class="no-results">${text("no_results")}</div>`,
        loading: () => `<div class="loading-text">${text("loading")}</div>`,
        ...options.render,
      },
    });
    // Tab takes what was searched for; who only looked keeps what was chosen.
    made.on("type", (typed) => { made.settings.selectOnTab = typed !== ""; });
    made.on("dropdown_close", () => { made.settings.selectOnTab = false; });
    const open = () => (made.hasOptions || !select.dataset.lookup ? made.open() : made.load(""));
    made.control.addEventListener("click", () => { if (!made.isOpen) open(); });
    made.control_input.addEventListener("keydown", (event) => { if (event.key === "ArrowDown" && !made.isOpen) open(); });
    describe(select, made.control_input);
    select.setAttribute("aria-hidden", "true"); // the label belongs to the control now
  };
  const lookup = (select) => {
    let answered = null; // the query that the options shown belong to
    const forget = (made) => made.clearOptions((option) => made.items.includes(String(option.id)));
    let tabbed = false; // Tab leaves the field: it makes nothing
    select.closest(".form-group, td, form")?.addEventListener("keydown", ({ key }) => { tabbed = key === "Tab"; }, true);
    const kit = select.dataset.quick ? globalThis.formKit : null;
    const creating = kit && {
      create: (typed, done) => (tabbed ? done() : kit.create(select, typed, done)),
      createFilter: (typed) => answered === typed,
    };
    searchSelect(select, {
      ...creating,
      valueField: "id",
      labelField: "text",
      searchField: "text",
      score: () => () => 1, // the server has searched already
      shouldLoad: () => true,
      loadThrottle: 150,
      onType() {
        answered = null;
        forget(this);
        this.refreshOptions(true);
      },
      load(query, done) {
        const address = new URL(select.dataset.lookup, location.href);
        address.searchParams.set("q", query);
        const by = select.dataset.by && select.form?.elements.namedItem(select.dataset.by)?.value;
        if (by) address.searchParams.set(`by.${select.dataset.by}`, by);
        select.dataset.chosenBy = by ?? "";
        fetch(address, { headers: { Accept: "application/json" } })
          .then((answer) => (answer.ok ? answer.json() : { results: [] }))
          .catch(() => ({ results: [] }))
          .then(({ results }) => {
            if (query !== this.inputValue()) return done();
            answered = query;
            forget(this);
            return done(results);
          });
      },
      render: {
        ...(kit && {
          option_create: ({ input }, escape) => `<div class="create">${escape(kit.label(input))}</div>`,
        }),
        no_results: ({ input }) => (answered === input
          ? `<div class="no-results">${text("no_results")}</div>`
          : `<div class="loading-text">${text("loading")}</div>`),
      },
    });
  };

  const enhance = (root) => {
    $$("[data-date]", root).forEach(dateField);
    $$("select[data-lookup]", root).forEach(lookup);
    $$("select[data-pick]", root).forEach((select) => { if (select.options.length > 8) searchSelect(select); });
  };

  /* Lists fetch the script of searching selects when a panel is opened; forms name it in their head. */
  const widgets = async (root) => {
    if (!globalThis.TomSelect && $("select[data-lookup], select[data-pick]", root)) await scripts($("[data-widgets]")?.dataset.widgets);
    enhance(root);
  };

  document.addEventListener("widgets", ({ detail }) => enhance(detail));
  enhance(document);
  focusFirstError();
  $$("form[data-guard]").forEach((form) => first.set(form, $("#form-errors, .theirs") ? "" : snapshot(form)));
  document.addEventListener("DOMContentLoaded", () => { document.documentElement.dataset.ready = "1"; }); // all scripts have run

  /* --- a part of the page that comes anew by htmx ----------------------------------------------------------------- */

  const part = (id) => {
    const wait = ({ detail }) => { if (detail.target.id === id) detail.target.setAttribute("aria-busy", "true"); };
    document.addEventListener("htmx:beforeRequest", wait);
    document.addEventListener("htmx:sendError", () => { $(`#${id}`)?.removeAttribute("aria-busy"); });
    document.addEventListener("htmx:beforeSwap", (event) => {
      const { detail } = event;
      if (detail.target.id !== id) return;
      if (detail.xhr.status < 400 && detail.serverResponse.includes(`id="${id}"`)) return;
      event.preventDefault(); // signed out meanwhile, or refused: the whole page says it better
      location.assign(detail.pathInfo.finalRequestPath ?? location.href);
    });
  };
  /* Who goes back twice may do so before this script is there to hear of it: the page is then not the one that the
     address names. */
  const loaded = performance.getEntriesByType("navigation")[0]?.name.split("#")[0];
  if (history.state?.htmx && loaded && loaded !== location.href.split("#")[0]) location.reload();

  globalThis.countinghouse = { $, $$, ask, enhance, icon, isChanged, isTyping, language, part, release, scripts, text, widgets };
})();
