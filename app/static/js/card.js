/* The card: tabs that come when they are opened, the place in the list one came from, tags while one types, a link to
   share. Everything works without it: tabs are links, tags are a form, the link stands in a field. */

(() => {
  "use strict";

  const { $, $$, isTyping } = globalThis.countinghouse;
  const card = $("#card");
  if (!card) return;

  const part = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return null; // signed out meanwhile: the page itself says it better
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const plain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button);

  /* --- tabs: what has come stays, the address says which is open ----------------------------------------------------- */

  const main = $("#card-main");
  const parts = () => $$(".card-part", main);
  const partOf = (name) => parts().find((one) => one.dataset.partOf === name);
  const show = (name, link) => {
    parts().forEach((one) => { one.hidden = one.dataset.partOf !== name; });
    $$("[data-tab]").forEach((one) => {
      if (one.dataset.tab === name) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    });
    const address = new URL(link.href);
    history.replaceState(history.state, "", address.pathname + address.search);
  };
  let asked = "";
  const open = async (name, link) => {
    asked = name;
    if (!partOf(name)) {
      if (name === "facts") return location.assign(link.href);
      main.setAttribute("aria-busy", "true");
      const found = await part(main.dataset.tabUrl + name);
      main.removeAttribute("aria-busy");
      const fresh = found && $(".card-part", found);
      if (!fresh) return location.assign(link.href);
      if (!partOf(name)) main.append(fresh);
    }
    if (asked === name) show(name, link);
    return undefined;
  };
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-tab], [data-tab-link]");
    if (!link || !plain(event)) return;
    event.preventDefault();
    const name = link.dataset.tab ?? link.dataset.tabLink;
    const tab = $$("[data-tab]").find((one) => one.dataset.tab === name) ?? link;
    open(name, tab);
    if (tab !== link) tab.focus();
  });

  /* --- the list one came from: it leaves the address, and stays known to this page of the browser's history ----------- */

  const here = new URL(location.href);
  const given = here.searchParams.get("from");
  const list = given ?? history.state?.list ?? "";
  if (given !== null) {
    here.searchParams.delete("from");
    history.replaceState({ ...history.state, list: given }, "", here.pathname + here.search + here.hash);
  } else if (list) {
    const crumb = $$(".crumbs a").find((link) => link.getAttribute("href") === card.dataset.list);
    if (crumb) crumb.href = `${card.dataset.list}?${list}`;
  }
  const place = $("#beside");
  const beside = async () => {
    const address = new URL(card.dataset.beside, location.href);
    if (list) address.search = `?${list}`;
    const found = await part(address);
    if (found) place.replaceChildren(...found.body.childNodes);
  };
  if (place) setTimeout(beside);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || isTyping(event.target) || $("dialog[open]")) return;
    const rel = { "[": "prev", "]": "next" }[event.key];
    const link = rel && $(`#beside a[rel="${rel}"]`);
    if (!link) return;
    event.preventDefault();
    location.assign(link.href);
  });

  /* --- a step of the state bar opens the dialog of its act, wherever that stands --------------------------------------- */

  document.addEventListener("click", (event) => {
    const step = event.target instanceof Element && event.target.closest("[data-open-act]");
    const act = step && document.getElementById(step.dataset.openAct);
    if (!act || !plain(event)) return;
    event.preventDefault();
    setTimeout(() => { // after the click that closes menus
      const menu = act.closest(".card-more");
      if (menu) menu.open = true;
      act.open = true;
      $("input:not([type=hidden]), select, textarea, button", $("form", act))?.focus();
    });
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest('[aria-disabled="true"]')) event.preventDefault();
  });

  /* --- tags: known words are offered while one types ------------------------------------------------------------------- */

  let timer = 0;
  document.addEventListener("input", ({ target }) => {
    if (!target.matches?.("[data-tags]")) return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const address = `${target.dataset.tags}?q=${encodeURIComponent(target.value)}`;
      const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
      if (!answer?.ok || answer.redirected) return;
      const { results } = await answer.json();
      target.list?.replaceChildren(...results.map(({ text }) => Object.assign(document.createElement("option"), { value: text })));
    }, 120);
  });
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open) return;
    if (target.matches?.(".tag-add")) $("input[name=tag]", target).focus();
  }, true);

  /* --- print, and a link to share --------------------------------------------------------------------------------------- */

  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element) || !target.closest("[data-print]")) return;
    $("#more").open = false;
    globalThis.print();
  });

  const clean = $("#share-link");
  const copied = (button) => {
    globalThis.countinghouse.toast?.(button.dataset.copied, { category: "success" });
    const text = $$("span", button).at(-1) ?? button.lastChild;
    if (text) text.textContent = button.dataset.copied;
  };
  $$("[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      clean.select();
      try {
        await navigator.clipboard.writeText(clean.value);
      } catch {
        document.execCommand("copy"); // without a secure address there is no other way
      }
      copied(button);
    });
  });
  $$("[data-share]").forEach((button) => {
    if (!navigator.share) return;
    button.hidden = false;
    button.addEventListener("click", () => navigator.share({ title: button.dataset.share, url: clean.value }).catch(() => {}));
  });
  clean?.addEventListener("focus", () => clean.select());

  /* On a narrow screen the bar of states begins with the one that stands. */
  $$(".state-bar").forEach((bar) => {
    const now = $(".is-now", bar);
    if (now) bar.scrollLeft = now.offsetLeft - bar.offsetLeft - (bar.clientWidth - now.offsetWidth) / 2;
  });
})();
