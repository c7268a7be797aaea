/* What is typed is kept on the server while one types, never in the browser; a form offers what was begun and not saved. */

(() => {
  "use strict";

  const QUIET = 2000; // milliseconds without a key before a draft is kept
  const LONGEST = 10000; // who types without a pause is kept so often
  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const state = form.querySelector("[data-draft-state]");
  const said = JSON.parse(document.querySelector("#form-texts")?.textContent ?? "{}");
  const text = (name, values = {}) =>
    Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, () => value), said[name] ?? "");
  const key = form.elements.namedItem("draft_key");
  const turn = form.elements.namedItem("draft_turn");
  const path = location.pathname;
  let kept = ""; // what the server has
  let waiting = 0;
  let since = 0;
  let under = null; // what is under way
  let over = false; // the form was sent

  const typed = () => {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value !== "string" || form.elements.namedItem(name)?.type === "password") continue;
      if (!name.startsWith("draft_")) body.append(name, value);
    }
    return body;
  };
  const say = (...parts) => state.replaceChildren(...parts);
  const link = (label, href) => Object.assign(document.createElement("a"), { href, textContent: label });

  const keep = async () => {
    clearTimeout(waiting);
    since = 0;
    if (over || under || !globalThis.countinghouse.isChanged(form)) return;
    const body = typed();
    const now = body.toString();
    if (now === kept) return;
    body.append("draft_path", path);
    body.append("draft_key", key.value);
    body.append("draft_turn", turn.value);
    under = new AbortController();
    let told = null;
    try {
      const answer = await fetch(`${form.dataset.draft}/keep`, { method: "POST", body, signal: under.signal });
      if (answer.ok && !answer.redirected) told = await answer.json();
    } catch {
      // said below: the next key tries again
    }
    under = null;
    if (over) return;
    if (!told) return say(text("not_kept"));
    if (told.conflict) { // another tab goes on with the same draft: this one has its own from now on
      key.value = crypto.randomUUID().replaceAll("-", "");
      turn.value = "0";
      return keep();
    }
    if (told.too_long) return say(text("too_long"));
    kept = now;
    turn.value = String(told.turn);
    if (told.sign_in) say(text("signed_out"), " ", link(text("sign_in"), told.sign_in));
    else say(text("kept", { time: told.at }));
    if (typed().toString() !== kept) soon();
  };
  const soon = () => {
    since ||= Date.now();
    clearTimeout(waiting);
    waiting = setTimeout(keep, Math.max(0, Math.min(QUIET, since + LONGEST - Date.now())));
  };
  const isKept = () => kept !== "" && typed().toString() === kept;

  const discard = (one) => {
    const body = new URLSearchParams({ draft_key: one.key, draft_path: path, csrf_token: form.elements.namedItem("csrf_token").value });
    return fetch(`${form.dataset.draft}/discard`, { method: "POST", body }).then((answer) => answer.ok && !answer.redirected).catch(() => false);
  };

  /* --- what was begun: offered above the buttons, where nothing moves ------------------------------------------------- */

  const row = (one, box) => {
    const line = document.createElement("p");
    const go = Object.assign(link(text("go_on"), one.address), { className: "btn" });
    const away = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: text("discard") });
    line.append(
      Object.assign(document.createElement("span"), { textContent: text("begun", { day: one.at }) }), " ", go, away,
    );
    away.addEventListener("click", async () => {
      if (!await discard(one)) return say(text("failed"));
      line.remove();
      if (!box.querySelector("p")) box.remove();
      say(text("discarded"));
    });
    return line;
  };
  const offer = async () => {
    if (document.querySelector("#form-errors")) return;
    const address = `${form.dataset.draft}/?${new URLSearchParams({ path, key: key.value })}`;
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { drafts } = await answer.json();
    if (!drafts.length) return;
    const box = Object.assign(document.createElement("div"), { className: "draft-offer" });
    box.setAttribute("role", "status");
    box.append(row(drafts[0], box)); // the latest; an older one is offered when that is gone
    form.querySelector(".form-foot").prepend(box);
  };

  /* --- leaving: a kept draft needs no alarm ---------------------------------------------------------------------------- */

  document.addEventListener("click", async (event) => {
    const to = event.target.closest?.("a[href]");
    if (!to || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (to.target || to.hasAttribute("download") || to.origin !== location.origin || to.getAttribute("href").startsWith("#")) return;
    const { ask, isChanged } = globalThis.countinghouse;
    if (!isChanged(form) || !isKept()) return; // the browser asks
    event.preventDefault();
    if (!await ask(text("leave_question"), text("leave"), false)) return to.focus();
    over = true;
    globalThis.countinghouse.release(form);
    location.assign(to.href);
  });

  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    over = true;
    clearTimeout(waiting);
    under?.abort();
  });
  addEventListener("pageshow", (event) => { if (event.persisted) over = false; });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") keep(); });

  addEventListener("DOMContentLoaded", () => {
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    offer();
  });
})();
