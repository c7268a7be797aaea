/* Finding anything: Ctrl+K opens a window in which one types, chooses with the arrow keys and goes there.
   The button that opens it is a link to the same as a page. */

(() => {
  "use strict";

  const { $, $$, icon } = globalThis.countinghouse;
  const dialog = $("#palette");
  const opener = $("[data-palette-open]");
  const WAIT = 120; // milliseconds after the last letter
  const PATIENCE = 150; // an answer that takes no longer needs no sign that one waits

  /* --- what one opens is remembered, after the page is there ------------------------------------------------------- */

  const card = /^\/([a-z_]+)\/show\/(\d+)$/.exec(location.pathname);
  const token = () => $("input[name=csrf_token]")?.value;
  let noted = null;
  const noteOpened = () => {
    if (!card || !token()) return undefined;
    const body = new FormData();
    body.set("entity", card[1]);
    body.set("record_id", card[2]);
    body.set("csrf_token", token());
    noted ??= fetch("/find/opened", { method: "POST", body, keepalive: true }).catch(() => undefined);
    return noted;
  };
  addEventListener("load", noteOpened);
  if (!dialog) return;

  /* --- the window -------------------------------------------------------------------------------------------------- */

  const input = $("#palette-input", dialog);
  const list = $("#palette-list", dialog);
  const note = $(".palette-note", dialog);
  const status = $("#palette-status", dialog);
  const said = dialog.dataset;
  const isMac = /mac/i.test(navigator.userAgentData?.platform ?? navigator.platform);
  const kept = new Map(); // answers of this page, by query
  let asked = null; // the query that is under way or shown
  let request = null;
  let pending = Promise.resolve();
  let waiting = 0;
  let slow = 0;

  const options = () => $$("[role=option]", list);
  const current = () => $('[aria-selected="true"]', list);
  const node = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  };
  const pieces = (texts) => texts.map(([text, isSought]) => (isSought ? node("mark", {}, text) : text));

  const choose = (option, { scroll = true } = {}) => {
    current()?.setAttribute("aria-selected", "false");
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    if (!scroll) return undefined;
    const all = options();
    if (option === all[0]) list.scrollTop = 0;
    else option.scrollIntoView({ block: "nearest" });
    return undefined;
  };

  const line = (item, place) => {
    const made = node("a", { role: "option", id: `palette-${place}`, href: item.url, tabindex: "-1", "aria-selected": "false" });
    if (item.act) made.dataset.act = item.act;
    made.append(icon(item.icon), node("span", { class: "palette-title" }, ...pieces(item.title)));
    if (item.detail.length) made.append(node("span", { class: "palette-detail" }, ...pieces(item.detail)));
    return made;
  };

  const show = (answer, query) => {
    let place = 0;
    list.replaceChildren(...answer.groups.map((group, at) => {
      const title = node("div", { class: "palette-group", id: `palette-group-${at}`, role: "presentation" }, group.label);
      const box = node("div", { role: "group", "aria-labelledby": title.id }, title);
      group.items.forEach((item) => box.append(line(item, place++)));
      return box;
    }));
    if (query && answer.groups.length) {
      const all = line({ url: `/find/?q=${encodeURIComponent(query)}`, icon: "list", title: [[said.more, false]], detail: [] }, place);
      all.classList.add("palette-all");
      list.append(all);
    }
    const text = answer.meant.length ? `${said.meant} ${answer.meant.join(", ")}` : place ? "" : said.nothing;
    note.textContent = text;
    note.hidden = !text;
    list.hidden = !place;
    input.setAttribute("aria-expanded", String(place > 0));
    status.textContent = place ? `${text} ${said.found.replace("{count}", place)}`.trim() : said.nothing;
    choose(options()[0]);
  };

  const wait = (isBusy) => {
    clearTimeout(slow);
    if (!isBusy) return dialog.classList.remove("is-busy");
    slow = setTimeout(() => dialog.classList.add("is-busy"), PATIENCE);
    return undefined;
  };

  const ask = (query) => {
    if (query === asked) return pending;
    asked = query;
    request?.abort();
    pending = load(query);
    return pending;
  };

  const load = async (query) => {
    if (kept.has(query)) {
      wait(false);
      show(kept.get(query), query);
      return;
    }
    request = new AbortController();
    const { signal } = request;
    wait(true);
    try {
      if (!query) await noteOpened(); // this page is the first of those opened last
      const found = await fetch(`/find/results?q=${encodeURIComponent(query)}`, { signal, headers: { Accept: "application/json" } });
      if (!found.ok) throw new Error(found.status);
      const answer = await found.json();
      kept.set(query, answer);
      if (query === asked) show(answer, query);
    } catch (error) {
      if (error.name === "AbortError" || query !== asked) return; // an answer that nobody waits for any more
      asked = null;
      note.textContent = said.broken;
      note.hidden = false;
      status.textContent = said.broken;
    } finally {
      if (query === asked || asked === null) wait(false);
    }
  };

  const open = () => {
    if (dialog.open || $("dialog[open]")) return;
    $$("details.drop[open], details.filters[open]").forEach((menu) => { menu.open = false; });
    dialog.showModal();
    input.select();
    kept.delete(""); // what was opened last may be another by now
    asked = null;
    ask(input.value.trim());
  };

  const follow = (option, inNewTab) => {
    const [act, value] = (option.dataset.act ?? "").split(":");
    if (act && !inNewTab) {
      dialog.close();
      const button = act === "theme"
        ? $(`form[data-theme-form] button[value="${value}"]`)
        : $(`form[action="${value}"] button`);
      if (button) return button.form.requestSubmit(button);
    }
    if (inNewTab) return window.open(option.href, "_blank", "noopener");
    dialog.close();
    location.assign(option.href);
    return undefined;
  };

  opener?.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open();
  });
  if (isMac) opener?.querySelector("kbd")?.replaceChildren("⌘K");
  document.addEventListener("keydown", (event) => {
    if (event.code !== "KeyK" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  }, true);

  input.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (event.isComposing) return;
    waiting = setTimeout(() => ask(input.value.trim()), WAIT);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const all = options();
    const at = all.indexOf(current());
    const to = {
      ArrowDown: at + 1 < all.length ? at + 1 : 0,
      ArrowUp: at > 0 ? at - 1 : all.length - 1,
      PageDown: Math.min(at + 6, all.length - 1),
      PageUp: Math.max(at - 6, 0),
      Home: input.selectionStart === 0 && input.selectionEnd === 0 ? 0 : undefined,
      End: input.selectionEnd === input.value.length && input.selectionStart === input.selectionEnd ? all.length - 1 : undefined,
    }[event.key];
    if (to !== undefined && all.length && !event.shiftKey) {
      event.preventDefault();
      choose(all[to]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      const isShown = asked === input.value.trim() && !dialog.classList.contains("is-busy");
      if (isShown && current()) follow(current(), event.ctrlKey || event.metaKey);
      else { // Enter came before the answer: what was typed counts, not what was shown
        clearTimeout(waiting);
        const typed = input.value.trim();
        ask(typed).then(() => { if (typed === asked && current() && dialog.open) follow(current(), event.ctrlKey || event.metaKey); });
      }
    }
  });
  list.addEventListener("mousemove", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option && option !== current()) choose(option, { scroll: false });
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option || event.button) return;
    event.preventDefault();
    follow(option, event.ctrlKey || event.metaKey);
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-palette-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => {
    request?.abort();
    clearTimeout(waiting);
    wait(false);
  });
})();
