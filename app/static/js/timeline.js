/* The life of a card: earlier entries and filters without a new page, the composer, mentions, files, previews; the bell.
   Everything works without it: links lead to the same parts, forms send the same fields. */

(() => {
  "use strict";

  const { $, $$ } = globalThis.countinghouse;

  /* --- parts of the history ---------------------------------------------------------------------------------------- */

  const part = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return null; // signed out meanwhile: the page itself says it better
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    return $("#happened", found);
  };

  document.addEventListener("click", async (event) => {
    const link = event.target instanceof Element && event.target.closest("#happened [data-part], #happened [data-earlier]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const standing = $("#happened");
    standing.setAttribute("aria-busy", "true");
    const fresh = await part(link.dataset.part ?? link.dataset.earlier);
    if (!fresh) return location.assign(link.href);
    if (link.dataset.part) {
      standing.replaceWith(fresh);
      return $("[aria-current]", fresh)?.focus();
    }
    const first = $(".timeline > li", fresh);
    $(".timeline", standing).append(...$$(".timeline > li", fresh));
    const more = $(".earlier", fresh);
    if (more) link.closest(".earlier").replaceWith(more);
    else link.closest(".earlier").remove();
    standing.removeAttribute("aria-busy");
    if (!first) return undefined;
    first.tabIndex = -1;
    return first.focus({ preventScroll: true });
  });

  /* --- composer: Ctrl+Enter sends, and nobody leaves with a note half written ---------------------------------------- */

  let sending = false;
  document.addEventListener("submit", ({ target }) => { if (target.matches("[data-composer]")) sending = true; });
  addEventListener("pageshow", () => { sending = false; });
  addEventListener("beforeunload", (event) => {
    const typed = $$("[data-composer] textarea").some((area) => area.value !== area.defaultValue);
    if (typed && !sending) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target instanceof Element && event.target.closest("[data-composer]");
    if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const button = $("button.btn-primary", form);
    if (!button.disabled) form.requestSubmit(button);
  }, true);

  /* --- files: chosen, dropped or pasted, they all end up in the form's own field ------------------------------------- */

  const field = (form) => $('input[type="file"]', form);
  const show = (form) => {
    const list = $("[data-chosen]", form);
    const files = [...field(form).files];
    list.hidden = files.length === 0;
    list.replaceChildren(...files.map((file, place) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = file.name;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
      button.setAttribute("aria-label", list.dataset.remove.replace("{name}", file.name));
      button.addEventListener("click", () => {
        keep(form, files.filter((_file, at) => at !== place));
        field(form).focus();
      });
      item.append(name, button);
      return item;
    }));
  };
  const keep = (form, files) => {
    const data = new DataTransfer();
    files.forEach((file) => data.items.add(file));
    field(form).files = data.files;
    chosen.set(form, files);
    show(form);
  };
  const chosen = new WeakMap();
  const add = (form, files) => keep(form, [...(chosen.get(form) ?? []), ...files]);
  const named = (file) => {
    const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    return /^image\.\w+$/.test(file.name) ? new File([file], `${stamp}-${file.name}`, { type: file.type }) : file;
  };

  document.addEventListener("change", ({ target }) => {
    const form = target.matches?.('[data-composer] input[type="file"]') && target.closest("form");
    if (form) add(form, target.files);
  });
  const withFiles = (event) => {
    const form = event.target instanceof Element && event.target.closest("[data-composer]");
    return form && field(form) && event.dataTransfer?.types.includes("Files") ? form : null;
  };
  document.addEventListener("dragover", (event) => {
    const form = withFiles(event);
    if (!form) return;
    event.preventDefault();
    form.classList.add("is-target");
  });
  document.addEventListener("dragleave", (event) => {
    const form = withFiles(event);
    if (form && !form.contains(event.relatedTarget)) form.classList.remove("is-target");
  });
  document.addEventListener("drop", (event) => {
    const form = withFiles(event);
    if (!form) return;
    event.preventDefault();
    form.classList.remove("is-target");
    add(form, event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const form = event.target instanceof Element && event.target.closest("[data-composer]");
    const files = [...(event.clipboardData?.files ?? [])];
    if (!form || !field(form) || !files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(form, files.map(named));
  });

  /* --- mentions: @ offers colleagues who may see the record ---------------------------------------------------------- */

  let offer = null; // { area, list, start, at }
  const shut = () => {
    if (!offer) return;
    offer.list.remove();
    ["aria-controls", "aria-activedescendant"].forEach((name) => offer.area.removeAttribute(name));
    offer = null;
  };
  const typedName = (area) => {
    const before = area.value.slice(0, area.selectionStart);
    const found = /(^|[\s(«"])@([^\s@]{0,40})$/u.exec(before);
    return found ? { start: before.length - found[2].length - 1, text: found[2] } : null;
  };
  const mark = (place) => {
    const items = $$('[role="option"]', offer.list);
    offer.at = (place + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === offer.at)));
    offer.area.setAttribute("aria-activedescendant", items[offer.at].id);
    items[offer.at].scrollIntoView({ block: "nearest" });
  };
  const take = (item) => {
    const { area, start } = offer;
    const end = area.selectionStart;
    shut();
    area.setRangeText(`@${item.dataset.user} `, start, end, "end");
    area.focus();
  };
  const open = (area, start, results) => {
    shut();
    if (!results.length) return;
    const list = Object.assign(document.createElement("ul"), { className: "offer", id: `${area.id}-offer` });
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", area.dataset.offer);
    list.append(...results.map(({ user, text }, place) => {
      const item = Object.assign(document.createElement("li"), { id: `${list.id}-${place}` });
      item.setAttribute("role", "option");
      item.dataset.user = user;
      const name = Object.assign(document.createElement("span"), { textContent: text });
      const sign = Object.assign(document.createElement("span"), { textContent: `@${user}`, className: "muted" });
      item.append(name, sign);
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(item);
      });
      return item;
    }));
    area.after(list);
    area.setAttribute("aria-controls", list.id);
    offer = { area, list, start, at: 0 };
    mark(0);
  };

  let asked = 0;
  let timer = 0;
  document.addEventListener("input", ({ target: area }) => {
    if (!area.matches?.("textarea[data-mentions]")) return;
    const wish = typedName(area);
    clearTimeout(timer);
    asked += 1;
    if (!wish) return shut();
    const mine = asked;
    timer = setTimeout(async () => {
      const address = `${area.dataset.mentions}?q=${encodeURIComponent(wish.text)}`;
      const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
      const results = answer?.ok && !answer.redirected ? (await answer.json()).results : [];
      if (mine === asked && document.activeElement === area) open(area, wish.start, results);
    }, 120);
    return undefined;
  });
  document.addEventListener("keydown", (event) => {
    if (!offer || event.target !== offer.area || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowDown: () => mark(offer.at + 1),
      ArrowUp: () => mark(offer.at - 1),
      Enter: () => take($('[aria-selected="true"]', offer.list)),
      Tab: () => take($('[aria-selected="true"]', offer.list)),
      Escape: shut,
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }, true);
  document.addEventListener("focusout", ({ target }) => { if (offer?.area === target) shut(); });

  /* --- preview of pictures and PDFs ---------------------------------------------------------------------------------- */

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[data-preview]");
    const dialog = $("#preview");
    if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const name = link.textContent.trim();
    const made = link.dataset.preview === "image"
      ? Object.assign(document.createElement("img"), { src: link.href, alt: name })
      : Object.assign(document.createElement("iframe"), { src: link.href, title: name });
    $("#preview-name", dialog).textContent = name;
    $("[data-keep]", dialog).href = `${link.href}?download=1`;
    $(".preview-body", dialog).replaceChildren(made);
    dialog.showModal();
    dialog.addEventListener("close", () => {
      $(".preview-body", dialog).replaceChildren();
      link.focus();
    }, { once: true });
  });
  document.addEventListener("click", ({ target }) => {
    const dialog = $("#preview[open]");
    if (dialog && target instanceof Element && (target.closest("[data-shut]") || target === dialog)) dialog.close();
  });

  /* --- bell ---------------------------------------------------------------------------------------------------------- */

  document.addEventListener("toggle", async ({ target: menu }) => {
    if (!menu.matches?.("details[data-bell]") || !menu.open) return;
    const list = $(".bell-list", menu);
    list.setAttribute("aria-busy", "true");
    const answer = await fetch(menu.dataset.bell, { headers: { Accept: "text/html" } }).catch(() => null);
    list.removeAttribute("aria-busy");
    if (!answer?.ok || answer.redirected) return location.assign("/notification/list/");
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    list.replaceChildren(...found.body.childNodes);
    return undefined;
  }, true);

  /* --- an entry that the address names ------------------------------------------------------------------------------- */

  const here = () => {
    const entry = /^#note-\d+$/.test(location.hash) && $(location.hash);
    if (!entry) return;
    entry.tabIndex = -1;
    entry.focus({ preventScroll: true });
    entry.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", here);
  here();
})();
