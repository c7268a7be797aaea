/* The frame around every page: the menu of what one may add, the sidebar's width and groups, density, explanations. */

(() => {
  "use strict";

  const { $, $$, isTyping } = globalThis.countinghouse;
  const root = document.documentElement;

  /* What a form would send, sent without leaving the page; what fails is there again after the next page. */
  const send = (form, values) => {
    const body = new FormData(form);
    Object.entries({ ...values, quiet: "1" }).forEach(([name, value]) => body.set(name, value));
    return fetch(form.action, { method: "POST", body }).catch(() => {});
  };

  /* --- what one may add: `c` opens it, arrows walk ------------------------------------------------------------------ */

  const create = $("details.create");
  const walkable = (menu) => $$("a", menu);

  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key === "c" && plain && create && !isTyping(event.target) && !$("dialog[open]")) {
      event.preventDefault();
      create.open = true;
      walkable(create)[0]?.focus();
      return;
    }
    if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || !plain) return;
    const menu = event.target.closest?.("details.create[open]");
    if (!menu) return;
    event.preventDefault();
    const all = walkable(menu);
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1, Home: 0, End: all.length - 1 }[event.key];
    all[(to + all.length) % all.length].focus();
  });
  create?.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !create.contains(relatedTarget)) create.open = false;
  });

  /* --- the sidebar: narrow or wide, its groups folded or not -------------------------------------------------------- */

  const foot = $("form[data-side-form]");

  const nameEntries = (narrow) => $$(".side li a").forEach((link) => {
    if (narrow) link.title = link.textContent.trim();
    else link.removeAttribute("title");
  });
  foot?.addEventListener("submit", (event) => {
    event.preventDefault();
    const narrow = root.dataset.side !== "narrow";
    const button = $("button", foot);
    if (narrow) root.dataset.side = "narrow";
    else delete root.dataset.side;
    button.setAttribute("aria-pressed", String(narrow));
    button.value = narrow ? "0" : "1";
    nameEntries(narrow);
    if (narrow) $$("details.side-part").forEach((part) => { part.open = true; });
    send(foot, { name: "side", away: narrow ? "1" : "0" });
    // app.js disables what was sent; this form stays
    setTimeout(() => { button.disabled = false; button.removeAttribute("data-busy"); }, 10);
  });
  $$("details.side-part > summary").forEach((summary) => summary.addEventListener("click", () => {
    const part = summary.parentElement;
    send(foot, { name: part.dataset.part, away: part.open ? "1" : "0" }); // it is about to turn
  }));

  /* --- density, and the colour of the device's own bar --------------------------------------------------------------- */

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const what = form.dataset?.lookForm;
    if (!what || !event.submitter) return;
    event.preventDefault();
    event.stopPropagation();
    const { value } = event.submitter;
    root.dataset[what] = value;
    $$("button", form).forEach((button) => button.setAttribute("aria-pressed", String(button.value === value)));
    send(form, { [what]: value });
  }, true);
  document.addEventListener("theme", ({ detail }) => {
    const ground = getComputedStyle($(".top") ?? document.body).backgroundColor;
    const metas = $$("meta[name=theme-color]");
    metas.slice(1).forEach((meta) => meta.remove());
    metas[0]?.removeAttribute("media");
    if (metas[0] && detail) metas[0].content = ground;
  });

  /* --- explanations: beside their mark, inside the window ------------------------------------------------------------ */

  const place = (box) => {
    const mark = $(`[popovertarget="${box.id}"]`);
    if (!mark) return;
    const { left, bottom, top } = mark.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = box;
    const below = bottom + 6 + offsetHeight <= innerHeight - 8;
    box.style.left = `${Math.max(8, Math.min(left - 12, innerWidth - offsetWidth - 8))}px`;
    box.style.top = `${below ? bottom + 6 : Math.max(8, top - 6 - offsetHeight)}px`;
  };
  document.addEventListener("toggle", ({ target, newState }) => {
    if (target.matches?.(".term-text") && newState === "open") place(target);
  }, true);
  addEventListener("scroll", () => $$(".term-text:popover-open").forEach((box) => box.hidePopover()), { passive: true, capture: true });

  /* --- the glossary finds while one types ---------------------------------------------------------------------------- */

  $("[data-glossary-search]")?.addEventListener("input", ({ target }) => {
    const words = target.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const terms = $$(".glossary > div");
    terms.forEach((term) => {
      const said = term.textContent.toLocaleLowerCase();
      term.hidden = !words.every((word) => said.includes(word));
    });
    const count = terms.filter((term) => !term.hidden).length;
    $(".head .count").textContent = count;
    $("[data-glossary-none]").hidden = count > 0;
  });

  globalThis.countinghouse.send = send;
})();
