/* The form of a record: its rules while one types, records made beside it, what may be the same, what is known.
   Without this script every field is there and the server judges by the same rules. */

(() => {
  "use strict";

  const QUIET = 400; // milliseconds without a key before the server is asked
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = $("form.record-form");
  const said = JSON.parse($("#form-texts")?.textContent ?? "{}");
  const text = (name, values = {}) =>
    Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, () => value), said[name] ?? "");
  const house = () => globalThis.countinghouse;
  const make = (tag, about = {}, ...inside) => {
    const node = Object.assign(document.createElement(tag), about);
    node.append(...inside);
    return node;
  };
  const listening = (node) => node?.tomselect?.control_input ?? node;
  const fieldOf = (name) => form?.elements.namedItem(name);
  const valueOf = (name) => {
    const field = fieldOf(name);
    if (!field) return null;
    return field.type === "checkbox" ? String(field.checked) : field.value;
  };
  const groupOf = (name) => $(`[data-field="${CSS.escape(name)}"]`, form ?? document);

  /* --- a value is put into a field, whatever kind of field it is ---------------------------------------------------- */

  const put = (field, value, label = value) => {
    if (field.tomselect) {
      if (value && !field.tomselect.options[value]) field.tomselect.addOption({ id: value, value, text: label });
      field.tomselect.setValue(value);
    } else {
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.add(new Option(label, value));
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };

  /* --- a related record is made beside the form ---------------------------------------------------------------------- */

  const failed = (box) => {
    $(".quick-failed", box)?.remove();
    box.append(make("p", { className: "error quick-failed", textContent: text("failed") }));
    $(".quick-failed", box).setAttribute("role", "alert");
  };

  const quick = (address, typed) => new Promise((resolve) => {
    const box = make("dialog", { className: "quick" });
    box.setAttribute("aria-labelledby", "quick-title");
    document.body.append(box);
    let made = null;
    const fill = async (html) => {
      box.innerHTML = html;
      await house().widgets(box);
      const wrong = $("[aria-invalid=true]", box);
      listening(wrong ?? $("#quick-name", box) ?? $(".fields :is(input, select, textarea)", box))?.focus();
    };
    const send = async (event) => {
      event.preventDefault();
      const body = new FormData(event.target);
      if (box.dataset.busy) return;
      box.dataset.busy = "1";
      try {
        const answer = await fetch(address, { method: "POST", body });
        if (!answer.ok || answer.redirected) return failed(box);
        const told = await answer.json();
        if (told.form !== undefined) return await fill(told.form);
        made = told;
        box.close();
      } catch {
        failed(box);
      } finally {
        delete box.dataset.busy;
      }
    };
    box.addEventListener("submit", send);
    box.addEventListener("click", ({ target }) => { if (target.closest("[data-quick-cancel]")) box.close(); });
    box.addEventListener("keydown", (event) => {
      const save = (event.ctrlKey || event.metaKey) && (event.key === "Enter" || event.code === "KeyS");
      event.stopPropagation(); // the form behind it is asleep
      if (!save) return;
      event.preventDefault();
      $("form", box)?.requestSubmit();
    });
    box.addEventListener("close", () => {
      box.remove();
      resolve(made);
    });
    const url = new URL(address, location.href);
    if (typed) url.searchParams.set("name", typed);
    fetch(url)
      .then((answer) => (answer.ok && !answer.redirected ? answer.text() : Promise.reject(new Error(String(answer.status)))))
      .then((html) => {
        box.showModal();
        return fill(html);
      })
      .catch(() => {
        house().toast?.(text("failed"), { category: "danger" });
        box.remove();
        resolve(null);
      });
  });

  /* What the searching selects of app.js ask for when nothing fits what was typed. */
  globalThis.formKit = {
    label: (typed) => text("create", { name: typed }),
    create: (select, typed, done) => quick(select.dataset.quick, typed).then((made) => {
      done(made ? { id: String(made.id), text: made.text } : undefined);
      setTimeout(() => select.tomselect?.focus(), 0);
    }),
  };

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("[data-quick-for]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const select = document.getElementById(link.dataset.quickFor);
    if (!select?.dataset.quick) return;
    event.preventDefault();
    const made = await quick(select.dataset.quick, select.tomselect?.inputValue() ?? "");
    if (made) put(select, String(made.id), made.text);
    listening(made ? select : link)?.focus();
  });

  if (!form) return;

  /* --- rules: what is shown, needed and offered ---------------------------------------------------------------------- */

  const about = JSON.parse($("#form-rules")?.textContent ?? '{"rules": []}');
  const read = (path) => {
    const [name, fact] = path.split(".");
    if (path in (about.fixed ?? {})) return about.fixed[path];
    const value = valueOf(name) ?? "";
    return fact ? about.facts[path]?.[value] ?? "" : value;
  };
  const holds = ([kind, ...parts]) => ({
    is: () => parts.slice(1).includes(read(parts[0])),
    filled: () => read(parts[0]).trim() !== "",
    differs: () => Boolean(read(parts[0]) && read(parts[1])) && read(parts[0]) !== read(parts[1]),
    all: () => parts.every(holds),
    either: () => parts.some(holds),
    not: () => !holds(parts[0]),
  })[kind]();

  const show = (name, shown) => {
    const group = groupOf(name);
    if (!group || group.classList.contains("has-error")) return;
    group.classList.toggle("is-off", !shown);
  };
  const ask = (name, asked) => {
    const label = $("label", groupOf(name) ?? undefined);
    const field = fieldOf(name);
    if (!groupOf(name) || !label || !field) return;
    const mark = $(".needed", label);
    if (asked && !mark) {
      const star = make("span", { className: "needed", title: text("asked"), textContent: "*" });
      star.setAttribute("aria-hidden", "true");
      label.append(" ", star);
    } else if (!asked && !field.required) mark?.remove();
    [field, listening(field)].forEach((one) => (asked ? one.setAttribute("aria-required", "true") : one.removeAttribute("aria-required")));
  };
  /* A short list offers what belongs to the other field; a searching select asks the server for it (data-by). */
  const choose = (name, by) => {
    const field = fieldOf(name);
    const belongs = about.facts?.[`${name}.${by}`];
    const wanted = read(by);
    if (!field || !belongs) return;
    [...field.options].forEach((option) => {
      const fits = !option.value || !wanted || belongs[option.value] === wanted;
      option.hidden = !fits;
      option.disabled = !fits;
    });
    if (field.selectedOptions[0]?.disabled) put(field, "");
  };
  const judge = () => {
    const off = new Set();
    const asked = new Map();
    const shown = new Map();
    for (const rule of about.rules) {
      if (rule.show) for (const name of rule.show) shown.set(name, (shown.get(name) ?? true) && (about.standing.includes(name) || holds(rule.when)));
      if (rule.require) for (const name of rule.require) asked.set(name, (asked.get(name) ?? false) || holds(rule.when));
    }
    shown.forEach((is, name) => { show(name, is); if (!is) off.add(name); });
    asked.forEach((is, name) => ask(name, is && !off.has(name)));
  };
  const offer = (changed) => about.rules.forEach((rule) => { if (rule.choose && (!changed || rule.by === changed)) choose(rule.choose, rule.by); });
  const settle = ({ target }) => {
    judge();
    offer(target.name);
    const dependent = about.rules.find((rule) => rule.choose && rule.by === target.name);
    const other = dependent && fieldOf(dependent.choose);
    if (other?.tomselect && other.dataset.lookup && target.value !== other.dataset.chosenBy) other.tomselect.clear();
  };

  /* --- what may be the same, and what is known ------------------------------------------------------------------------ */

  const begun = new Map(); // what fields held when the form was opened
  const touched = new Set();
  const isOpen = (field) => !field.value || (form.dataset.new !== undefined && !touched.has(field.name) && field.value === begun.get(field.name));
  let waiting = 0;
  let asking = null;
  let last = "";

  const noticed = () => {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      const input = fieldOf(name);
      if (typeof value === "string" && input?.type !== "password" && !/^(form_|draft_|record_version)/.test(name)) body.append(name, value);
    }
    if (form.dataset.record) body.set("record_id", form.dataset.record);
    return body;
  };
  const notice = async () => {
    const body = noticed();
    const asks = body.toString();
    if (asks === last) return;
    last = asks;
    asking?.abort();
    asking = new AbortController();
    const answer = await fetch(form.dataset.notice, { method: "POST", body, signal: asking.signal }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { alike, known } = await answer.json();
    tell(alike);
    known.forEach(fillIn);
  };

  const tell = (alike) => {
    $$(".alike", form).forEach((box) => { if (!alike.some((one) => one.field === box.dataset.of)) box.remove(); });
    for (const name of new Set(alike.map((one) => one.field))) {
      const group = groupOf(name) ?? groupOf("name");
      if (!group) continue;
      const here = alike.filter((one) => one.field === name);
      const asks = JSON.stringify(here);
      let box = $(".alike", group);
      if (box?.dataset.told === asks) continue;
      box ??= group.appendChild(make("div", { className: "alike" }));
      box.setAttribute("role", "status");
      Object.assign(box.dataset, { of: name, told: asks });
      const rows = here.map((one) => {
        const link = make("a", { href: one.url, target: "_blank", rel: "noopener", textContent: one.name });
        return make("li", {}, link, ...(one.why ? [` (${one.why})`] : []));
      });
      box.replaceChildren(house().icon("copy"), make("div", {}, make("span", { textContent: text("alike") }), make("ul", {}, ...rows)));
    }
  };

  const undone = new Set(); // what the writer did not want to be filled in
  const fillIn = ({ field: name, value, why }) => {
    const field = fieldOf(name);
    if (!field || !isOpen(field) || field.value === value || undone.has(`${name} ${value}`) || field === document.activeElement) return;
    if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) return;
    const before = field.value;
    const had = touched.has(name);
    put(field, value);
    if (!had) touched.delete(name);
    const group = groupOf(name) ?? field.closest("td");
    if (!group) return;
    begun.set(name, value); // it may be filled in anew while nobody has touched it
    $(".filled-in", group)?.remove();
    const undo = make("button", { type: "button", className: "link", textContent: text("undo") });
    const note = make("p", { className: "filled-in" }, make("span", { textContent: text("filled", { why }) }), undo);
    note.setAttribute("role", "status");
    undo.addEventListener("click", () => {
      undone.add(`${name} ${value}`);
      put(field, before);
      note.remove();
      listening(field).focus();
    });
    group.append(note);
    const over = () => {
      if (field.value === value) return;
      note.remove();
      field.removeEventListener("change", over);
    };
    field.addEventListener("change", over);
  };

  /* --- keys and places ------------------------------------------------------------------------------------------------ */

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.key !== "Enter" || $("dialog[open]")) return;
    const button = $("[data-save-another]", form);
    if (!button || button.disabled) return;
    event.preventDefault();
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.dispatchEvent(new Event("change"));
    form.requestSubmit(button);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-jump]");
    const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!field) return;
    event.preventDefault();
    const place = listening(field);
    place.focus({ preventScroll: true });
    (field.closest("[data-field], tr") ?? field).scrollIntoView({ block: "center" });
  });

  addEventListener("DOMContentLoaded", () => {
    new FormData(form).forEach((value, name) => { if (typeof value === "string") begun.set(name, value); });
    judge();
    offer();
    form.addEventListener("input", settle);
    form.addEventListener("change", settle);
    if (!form.dataset.notice) return;
    const soon = ({ target }) => {
      if (target.name && target.isTrusted) touched.add(target.name);
      clearTimeout(waiting);
      waiting = setTimeout(notice, QUIET);
    };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
  });
})();
