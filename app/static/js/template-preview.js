// The preview beside the form of a template: asked for once, it follows what is typed.
// Without this script the button opens the preview as a page of its own.
(() => {
  "use strict";

  const QUIET = 900; // milliseconds without a key before the preview is made anew
  const AGAIN = 700; // milliseconds until it is asked whether the pages are made
  const LONGEST = 180; // times
  const panel = document.querySelector("[data-preview]");
  const form = panel?.closest("form");
  if (!form) return;

  const place = panel.querySelector("[data-preview-place]");
  const failed = panel.querySelector("[data-preview-failed]");
  const head = { "X-Part": "preview" };
  let waiting = 0;
  let asking = null; // the last question; older ones are over
  let isOn = false;

  const pause = (time) => new Promise((go) => { setTimeout(go, time); });

  const part = async (answer) => {
    if (answer.redirected || answer.status !== 200) throw new TypeError(`status ${answer.status}`);
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-preview-part]");
    if (!found) throw new TypeError("no part");
    return found;
  };

  // Pages that stand stay until the new ones are there: nothing jumps while one types.
  const show = async (found) => {
    await Promise.allSettled([...found.querySelectorAll("img")].map((picture) => picture.decode()));
    const at = place.querySelector(".preview-pages")?.scrollTop ?? 0;
    place.replaceChildren(found);
    const pages = place.querySelector(".preview-pages");
    if (pages) pages.scrollTop = at;
  };

  const ask = async () => {
    clearTimeout(waiting);
    asking?.abort();
    const mine = asking = new AbortController();
    isOn = true;
    failed.hidden = true;
    place.setAttribute("aria-busy", "true");
    try {
      let found = await part(await fetch(panel.dataset.preview, {
        method: "POST", body: new FormData(form), headers: head, signal: mine.signal,
      }));
      if (found.dataset.next && !place.querySelector("img")) place.replaceChildren(document.importNode(found, true));
      for (let times = 0; found.dataset.next; times += 1) {
        if (times === LONGEST) throw new TypeError("too long");
        await pause(AGAIN);
        found = await part(await fetch(found.dataset.next, { headers: head, signal: mine.signal }));
      }
      if (mine === asking) await show(document.importNode(found, true));
    } catch (fault) {
      if (fault.name === "AbortError") return;
      if (!(fault instanceof TypeError)) throw fault;
      failed.hidden = false;
    }
    if (mine === asking) place.removeAttribute("aria-busy");
  };

  const soon = () => {
    if (!isOn) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, QUIET);
  };

  panel.querySelector("[data-preview-ask]").addEventListener("click", (event) => {
    event.preventDefault();
    ask();
  });
  panel.querySelector("#preview_of").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault(); // Enter would save the template
    ask();
  });
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
})();
