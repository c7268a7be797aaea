/* Puts a form where this script stands; the frame tells how high it is. */
(() => {
  "use strict";
  const here = document.currentScript;
  const place = new URL({{ place|tojson }});
  const asked = new URLSearchParams(location.search);
  for (const name of ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]) {
    if (asked.get(name)) place.searchParams.set(name, asked.get(name).slice(0, 120));
  }
  place.searchParams.set("page", (location.origin + location.pathname).slice(0, 500));
  if (document.referrer) place.searchParams.set("referrer", document.referrer.slice(0, 500));
  const language = here.dataset.language || document.documentElement.lang.slice(0, 2);
  if (language) place.searchParams.set("language", language);
  const frame = document.createElement("iframe");
  frame.src = place.href;
  frame.title = {{ title|tojson }};
  frame.loading = "lazy";
  frame.style.cssText = "display:block;width:100%;border:0;min-height:24rem";
  here.after(frame);
  addEventListener("message", (told) => {
    if (told.source === frame.contentWindow && told.origin === place.origin && Number.isFinite(told.data?.height)) {
      frame.style.height = `${Math.min(Math.max(told.data.height, 100), 4000)}px`;
    }
  });
})();
