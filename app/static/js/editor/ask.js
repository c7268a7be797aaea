// The dialogs of the visual editor, and the list in which fields are searched.

const cloned = (name) => document.importNode(document.querySelector(`#editor-${name}`).content, true).firstElementChild;
const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
let count = 0;

// Open a dialog; `fill(dialog, done)` makes it ready, `read(dialog)` returns what was chosen or a text that says what is
// wrong. Resolves to what was chosen, or null; the focus goes back to where the cursor stood.
export const ask = (name, fill, read, back) => new Promise((go) => {
  const dialog = cloned(name);
  const wrong = dialog.querySelector("[data-wrong]");
  const finish = (answer) => {
    if (!dialog.isConnected) return;
    dialog.close();
    dialog.remove();
    back();
    go(answer);
  };
  const done = (found) => {
    if (typeof found === "string") {
      wrong.querySelector("span").textContent = found;
      wrong.hidden = false;
      return;
    }
    finish(found);
  };
  document.body.append(dialog);
  fill(dialog, done);
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (read) done(read(dialog));
  });
  dialog.querySelector("[data-no]").addEventListener("click", () => finish(null));
  dialog.addEventListener("close", () => finish(null)); // Escape
  dialog.showModal();
});

// Make a list of fields that can be searched. Returns {value()}; `chosen(name)` is told of a press or Enter.
// `groups` are [{label, fields}].
export const picker = (dialog, groups, { value = "", chosen = null } = {}) => {
  const place = dialog.querySelector("[data-picker]");
  const input = place.querySelector("input");
  const list = place.querySelector("[role=listbox]");
  const none = place.querySelector("[data-none]");
  const mine = (count += 1);
  let current = value;
  let at = -1;
  list.id = `ve-list-${mine}`;
  input.setAttribute("aria-controls", list.id);
  const shown = () => [...list.querySelectorAll("[role=option]")];
  const point = (next) => {
    const all = shown();
    at = all.length ? (next + all.length) % all.length : -1;
    all.forEach((one, place_) => one.classList.toggle("is-at", place_ === at));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const choose = (one) => {
    current = one.dataset.name;
    for (const each of shown()) each.setAttribute("aria-selected", String(each === one));
    chosen?.(current);
  };
  const draw = () => {
    const asked = input.value.trim().toLocaleLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren(...groups.flatMap(({ label, fields }, group) => {
      const fit = fields.filter((each) => asked.every((word) => `${each.label} ${each.name} ${each.sample ?? ""}`.toLocaleLowerCase().includes(word)));
      if (!fit.length) return [];
      const head = Object.assign(document.createElement("div"), { className: "ve-head", textContent: label, id: `ve-head-${mine}-${group}` });
      const box = document.createElement("div");
      box.setAttribute("role", "group");
      box.setAttribute("aria-labelledby", head.id);
      head.setAttribute("role", "presentation");
      box.append(head, ...fit.map((each) => {
        const one = document.createElement("div");
        one.id = `ve-option-${mine}-${each.name.replaceAll(".", "-")}`;
        one.className = "ve-option";
        one.dataset.name = each.name;
        one.setAttribute("role", "option");
        one.setAttribute("aria-selected", String(each.name === current));
        one.append(Object.assign(document.createElement("span"), { textContent: each.label }));
        if (each.sample) one.append(Object.assign(document.createElement("span"), { className: "ve-sample", lang: "en", textContent: each.sample }));
        return one;
      }));
      return [box];
    }));
    none.hidden = list.childElementCount > 0;
    const standing = shown().findIndex((one) => one.dataset.name === current);
    point(asked.length || standing < 0 ? 0 : standing);
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      point(at + step);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      choose(shown()[at]);
    }
  });
  list.addEventListener("click", (event) => {
    const one = event.target.closest("[role=option]");
    if (!one) return;
    point(shown().indexOf(one));
    choose(one);
  });
  draw();
  return { value: () => current };
};

export const fillSelect = (select, choices, value) => {
  for (const [each, text] of choices) select.append(option(each, text));
  if (value !== undefined) select.value = value;
};

export const choices = (place, given, done) => {
  for (const [name, text] of given) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: text });
    button.dataset.name = name;
    button.addEventListener("click", () => done(name));
    place.append(button);
  }
};

export const checks = (place, fields, ticked) => {
  place.replaceChildren(...fields.map((each, order) => {
    const label = Object.assign(document.createElement("label"), { className: "check" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: each.name, checked: order < ticked });
    label.append(box, " ", Object.assign(document.createElement("span"), { textContent: each.label }));
    return label;
  }));
};
