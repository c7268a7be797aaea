/* The jobs in the top bar: asked for while one of them runs, and said in place when it is over. */

(() => {
  "use strict";

  const { $ } = globalThis.countinghouse;
  const box = $("#jobs");
  if (!box) return;
  const FIRST = 700;
  const SLOWEST = 4000;
  let wait = FIRST;

  const element = (name, about = {}, ...inner) => {
    const made = Object.assign(document.createElement(name), about);
    made.append(...inner);
    return made;
  };
  const row = (job) => element("li", {},
    element("a", { href: job.url }, element("span", { textContent: job.title }), element("span", { className: "muted", textContent: job.text })),
    element("progress", { max: 100, value: job.percent, ariaLabel: job.title }));

  const show = (jobs) => {
    const running = jobs.filter((job) => !job.over);
    $(".jobs-list", box).replaceChildren(...running.map(row));
    $(".jobs-count", box).textContent = running.length;
    const bar = $("summary progress", box);
    bar.value = running.length ? running.reduce((sum, job) => sum + job.percent, 0) / running.length : 100;
    for (const job of jobs.filter((each) => each.over)) {
      const { text, category, undo } = job.over;
      globalThis.countinghouse.toast?.(text, { category, undo: undo ?? null });
      document.dispatchEvent(new CustomEvent("job-over", { detail: job }));
    }
    return running.length;
  };
  const look = async () => {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer && (answer.redirected || !answer.ok)) return; // signed out meanwhile
    if (answer && !show((await answer.json()).jobs)) {
      box.hidden = true;
      return;
    }
    wait = Math.min(wait * 1.4, SLOWEST);
    setTimeout(look, wait);
  };
  setTimeout(look, 100);
})();
