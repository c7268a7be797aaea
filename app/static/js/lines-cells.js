/* Cells of rows that choose: one list for all of them, made when somebody first needs it. Short lists stand on the page
   once; the others are asked from the server while one types. */
(() => {
  "use strict";

  const { $, $$, lines } = globalThis.countinghouse;
  const { say, said } = lines;
  const PATIENCE = 120; // milliseconds without typing before the server is asked
  const MOST = 60; // options that are shown

  const folded = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("ё", "е").replace(/\s+/g, " ").trim();

  /* --- short lists: they stand in <noscript>, which the browser leaves unread while scripts run ------------------------- */

  const lists = new Map();
  const list = (name) => {
    if (!lists.has(name)) {
      const holder = document.createElement("template");
      holder.innerHTML = $(`noscript[data-list="${name}"]`)?.textContent ?? "";
      lists.set(name, $$("option", holder.content).map(({ value, dataset }) => ({
        id: dataset.key,
        text: value,
        facts: dataset.facts,
        said: [value, ...(dataset.also ?? "").split("|").filter(Boolean)].map(folded),
      })));
    }
    return lists.get(name);
  };
  const facts = (name, key) => list(name).find(({ id }) => id === key)?.facts;

  const inList = (name, typed) => {
    const wanted = folded(typed);
    const starts = ({ said: texts }) => texts.some((text) => text.startsWith(wanted));
    const has = ({ said: texts }) => texts.some((text) => text.includes(wanted));
    const all = list(name).filter(has);
    return [...all.filter(starts), ...all.filter((option) => !starts(option))];
  };

  /* --- the one list on the screen ------------------------------------------------------------------------------------------- */

  const popup = document.createElement("ul");
  popup.className = "cell-list";
  popup.id = "cell-list";
  popup.setAttribute("role", "listbox");
  popup.hidden = true;
  ($("main") ?? document.body).append(popup);
  let node = null; // the cell that it belongs to
  let options = [];
  let active = -1;
  let asked = 0;
  let waiting = 0;

  const isChooser = (control) => lines.columnOf(control).kind === "link";
  const isOpen = (control) => !popup.hidden && node === control;

  const place = () => {
    if (popup.hidden) return;
    const box = node.getBoundingClientRect();
    popup.style.minWidth = `${box.width}px`;
    const width = Math.max(popup.offsetWidth, box.width);
    popup.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    const below = innerHeight - box.bottom;
    const up = below < Math.min(popup.scrollHeight, 260) && box.top > below;
    popup.style.maxHeight = `${Math.max(120, Math.min(280, (up ? box.top : below) - 12))}px`;
    popup.style.top = up ? "auto" : `${box.bottom + 4}px`;
    popup.style.bottom = up ? `${innerHeight - box.top + 4}px` : "auto";
  };
  const close = () => {
    clearTimeout(waiting);
    asked += 1;
    if (popup.hidden) return;
    popup.hidden = true;
    node.setAttribute("aria-expanded", "false");
    node.removeAttribute("aria-activedescendant");
  };
  const activate = (at) => {
    active = at;
    [...popup.children].forEach((item, place_) => item.setAttribute("aria-selected", String(place_ === at)));
    const item = popup.children[at];
    if (!item?.id) return node.removeAttribute("aria-activedescendant");
    node.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const open = (control, found, { first = true, text = said.nothing } = {}) => {
    node = control;
    options = found.slice(0, MOST);
    const items = options.map((option, at) => {
      const item = Object.assign(document.createElement("li"), { id: `cell-option-${at}`, textContent: option.text });
      item.setAttribute("role", "option");
      return item;
    });
    if (!items.length) {
      const empty = Object.assign(document.createElement("li"), { className: "cell-list-empty", textContent: text });
      empty.setAttribute("role", "option");
      empty.setAttribute("aria-disabled", "true");
      items.push(empty);
    }
    popup.replaceChildren(...items);
    popup.setAttribute("aria-label", lines.columnOf(control).label);
    popup.hidden = false;
    control.setAttribute("aria-controls", popup.id);
    control.setAttribute("aria-expanded", "true");
    const there = options.findIndex(({ id }) => String(id) === lines.key(control));
    activate(first && options.length ? Math.max(there, 0) : there);
    place();
  };

  const choose = (control, option) => {
    close();
    if (lines.key(control) === String(option.id) && control.value === option.text) return;
    lines.put(control, option.text, String(option.id));
    delete control.dataset.auto;
    control.dispatchEvent(new Event("input", { bubbles: true }));
    control.dispatchEvent(new CustomEvent("line-chosen", { bubbles: true, detail: lines.columnOf(control) }));
  };

  const find = async (stem, typed) => {
    const address = new URL(`/lookup/${stem}`, location.href);
    address.searchParams.set("q", typed);
    const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    return answer?.ok ? (await answer.json()).results : null;
  };
  const search = (control, typed, { first = true, delay = PATIENCE } = {}) => {
    const { list: name, lookup } = lines.columnOf(control);
    const mine = ++asked;
    clearTimeout(waiting);
    if (name) return open(control, typed ? inList(name, typed) : list(name), { first });
    if (!isOpen(control) || !options.length) open(control, [], { text: said.loading });
    waiting = setTimeout(async () => {
      const found = await find(lookup, typed);
      if (mine === asked && document.activeElement === control) open(control, found ?? [], { first });
    }, delay);
  };

  /* --- a text that was typed and left: the server says what it means, by the rules of pasted ones ------------------------------- */

  const named = async (wanted) => {
    const body = new FormData();
    body.set("csrf_token", $("input[name=csrf_token]")?.value ?? "");
    body.set("names", JSON.stringify(wanted));
    const answer = await fetch("/lines/named", { method: "POST", body }).catch(() => null);
    return answer?.ok ? answer.json() : null;
  };
  const settle = async (control) => {
    const { list: name, lookup } = lines.columnOf(control);
    const typed = control.value.trim();
    const isStill = () => control.isConnected && control.value.trim() === typed && !lines.key(control);
    if (name) {
      const exact = list(name).filter(({ said: texts }) => texts.includes(folded(typed)));
      const found = exact.length ? exact : inList(name, typed);
      if (found.length === 1) return choose(control, found[0]);
      if (!found.length) return lines.mark(control, say("no_choice", { name: typed }));
    }
    const stem = name ?? lookup;
    const answer = (await named({ [stem]: [typed] }))?.[stem]?.[typed];
    if (!isStill()) return;
    if (!answer) return lines.mark(control, say("unreachable", { name: typed }));
    if (!answer.error) return choose(control, answer);
    const only = lookup ? await find(lookup, typed) : null;
    if (!isStill()) return;
    if (only?.length === 1) choose(control, only[0]);
    else lines.mark(control, answer.error);
  };

  /* --- keys and pointer ------------------------------------------------------------------------------------------------------------ */

  const prepare = (control) => {
    if (control.getAttribute("role")) return;
    control.removeAttribute("list");
    control.setAttribute("role", "combobox");
    control.setAttribute("aria-autocomplete", "list");
    control.setAttribute("aria-expanded", "false");
  };
  const onKey = (event, control) => {
    if (!isChooser(control)) return false;
    if (event.key === "F4" && !event.altKey) {
      if (isOpen(control)) close();
      else search(control, "", { first: false, delay: 0 });
      return true;
    }
    if (!isOpen(control) || event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step && options.length) {
      const last = options.length - 1;
      activate(Math.abs(step) === 1 ? (active + step + options.length) % options.length : Math.max(0, Math.min(last, active + step)));
      return true;
    }
    if (event.key === "Escape") {
      close();
      return true;
    }
    if (event.key === "Enter" && options[active]) {
      choose(control, options[active]);
      return true;
    }
    if (event.key === "Tab" && options[active] && !lines.key(control) && control.value.trim()) choose(control, options[active]);
    return false; // and on to the next cell
  };
  lines.hooks.key.push(onKey);
  lines.hooks.leave.push((control) => {
    if (!isChooser(control)) return;
    if (node === control) close();
    if (control.value.trim() && !lines.key(control) && !control.hasAttribute("aria-invalid")) settle(control);
  });

  const chooserOf = (target) => {
    const control = target instanceof Element && target.closest("[data-lines] tbody input.form-control");
    return control && lines.keyField(control) && isChooser(control) ? control : null;
  };
  document.addEventListener("focusin", ({ target }) => {
    const control = chooserOf(target);
    if (control) prepare(control);
  });
  document.addEventListener("input", ({ target, isTrusted }) => {
    const control = isTrusted && chooserOf(target);
    if (!control) return;
    lines.keyField(control).value = "";
    const typed = control.value.trim();
    if (typed) search(control, typed);
    else close();
  }, true);
  document.addEventListener("click", ({ target }) => {
    const control = chooserOf(target);
    if (control && !isOpen(control)) search(control, "", { first: false, delay: 0 });
  });
  popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the cell keeps the focus
  popup.addEventListener("click", ({ target }) => {
    const at = [...popup.children].indexOf(target.closest("li"));
    if (options[at]) choose(node, options[at]);
  });
  addEventListener("scroll", place, { capture: true, passive: true });
  addEventListener("resize", close);

  Object.assign(lines, { facts, list, named });
})();
