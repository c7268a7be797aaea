// The builder of conditions: buttons and choices redraw it in place, and how many are found is told while one types.
(() => {
  "use strict";
  const PAUSE = 400; // milliseconds after the last key
  const place = () => document.querySelector("[data-conditions]");
  const form = place()?.closest("form");
  if (!form) return;
  let waiting = 0;
  let turn = 0;

  const ask = async (more) => {
    const data = new FormData(form);
    for (const [name, value] of Object.entries(more)) data.set(name, value);
    const mine = (turn += 1);
    const answer = await fetch(place().dataset.conditions, { method: "POST", body: data, headers: { Accept: "text/html" } });
    if (!answer.ok || mine !== turn || answer.redirected) return null;
    return answer.text();
  };

  const redraw = async (button, focus) => {
    const standing = place();
    standing.setAttribute("aria-busy", "true");
    standing.inert = true; // what is chosen while it is drawn anew would be lost
    const html = await ask(button ? { [button.name]: button.value } : {}).catch(() => null);
    if (html === null) {
      standing.removeAttribute("aria-busy");
      standing.inert = false;
      if (button) form.requestSubmit(button);
      return;
    }
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-conditions]");
    standing.replaceWith(fresh);
    document.dispatchEvent(new CustomEvent("widgets", { detail: fresh }));
    const to = focus && fresh.querySelector(`[name="${CSS.escape(focus)}"]`);
    (to || [...fresh.querySelectorAll("select, input")].at(-1) || fresh).focus();
  };

  const count = async () => {
    const html = await ask({ only: "found" }).catch(() => null);
    const found = place().querySelector("[data-cond-found]");
    if (html !== null && found) found.innerHTML = html;
  };

  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(count, PAUSE);
  };

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-build]");
    if (!button) return;
    event.preventDefault();
    clearTimeout(waiting);
    redraw(button);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-looks]")) redraw(null, event.target.name);
    else if (event.target.closest("[data-conditions]")) later();
  });
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-conditions] input")) later();
  });
  later();
})();
