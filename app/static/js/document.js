/* Documents with lines: what lines and totals come to, at once by our own arithmetic, then as the server says; and
   what a product brings with it. */
(() => {
  "use strict";

  const { $, $$, lines, money } = globalThis.countinghouse;
  const panel = $("[data-price-url]");
  const form = panel?.closest("form");
  const box = form && $("[data-lines][data-kind=document]", form);
  if (!box || !lines) return;

  const PATIENCE = 350; // milliseconds without typing before the server is asked
  const { said } = lines;
  const { rounding, money: written } = JSON.parse(panel.dataset.marks);
  const read = money.reader(said.marks);
  const none = { count: 0n, places: 0 };
  const error = $("[data-total-error]", panel);
  let waiting = 0;
  let asking = null;

  const field = (name) => form.elements.namedItem(name);
  const currency = () => field("currency")?.value || "EUR";

  /* --- totals -------------------------------------------------------------------------------------------------------- */

  /* The letters of a text are changed, not its nodes: a browser would style the whole form anew otherwise. */
  const write = (node, value) => {
    if (!node.firstChild) node.textContent = value;
    else if (node.firstChild.nodeValue !== value) node.firstChild.nodeValue = value;
  };
  const show = (name, value) => write($(`[data-total=${name}]`, panel), value);
  let shownGroups = "";
  const showGroups = (groups) => {
    const now = JSON.stringify(groups);
    if (now === shownGroups) return;
    shownGroups = now;
    $("[data-total-groups]", panel).replaceChildren(...(groups.length > 1 ? groups : []).map(({ label, base, tax }) => {
      const row = document.createElement("div");
      const term = Object.assign(document.createElement("dt"), { textContent: `${label} · ${base}` });
      row.append(term, Object.assign(document.createElement("dd"), { textContent: tax }));
      return row;
    }));
  };
  const showAll = ({ amounts, groups, net, tax, gross }) => {
    amounts.forEach(([row, value]) => write($("[data-amount]", row), value));
    showGroups(groups);
    show("net", net);
    show("tax", tax);
    show("gross", gross);
  };
  const pending = (is) => panel.classList.toggle("is-preliminary", is);

  /* A row that cannot be read yet counts as nothing, as on the server. */
  const lineOf = (row) => {
    const value = (name) => lines.control(row, name)?.value.trim() ?? "";
    const quantity = read(value("quantity"));
    const tax = lines.facts("tax", lines.key(lines.control(row, "tax")));
    const named = value("product") || value("text") || value("unit_price") || $("[name$='-id']", row).value;
    if (!named || !quantity?.count || !tax) return null;
    const [category, rate] = tax.split(" ");
    return {
      quantity,
      price: read(value("unit_price")) ?? none,
      discount: read(value("discount_percent")) ?? none,
      tax: { category, rate: readPlain(rate) },
    };
  };
  const readPlain = money.reader({ decimal: ".", group: "," });

  const preliminary = () => {
    const rows = lines.rows(box).map((row) => [row, lineOf(row)]);
    const counted = rows.filter(([, line]) => line);
    const marks = said.marks;
    const shape = written[currency()];
    const priced = shape && money.price(counted.map(([, line]) => line), {
      places: shape[4],
      included: field("prices_include_tax")?.checked ?? false,
      perLine: rounding[field("organisation")?.value] === "per_line",
      discount: read(field("discount")?.value ?? "") ?? none,
      charge: read(field("charge")?.value ?? "") ?? none,
    });
    if (!priced) return false;
    const amount = new Map(counted.map(([row], at) => [row, money.written(priced.amounts[at], shape[4], marks, shape[4])]));
    showAll({
      amounts: rows.map(([row]) => [row, amount.get(row) ?? ""]),
      groups: priced.groups.map((group) => ({
        label: `${money.percent(group.rate, marks)} %`,
        base: money.money(group.base, shape, marks),
        tax: money.money(group.tax, shape, marks),
      })),
      net: money.money(priced.net, shape, marks),
      tax: money.money(priced.tax, shape, marks),
      gross: money.money(priced.gross, shape, marks),
    });
    return true;
  };

  const ask = async () => {
    asking?.abort();
    const mine = asking = new AbortController();
    const rows = lines.rows(box);
    try {
      const response = await fetch(panel.dataset.priceUrl, { method: "POST", body: new FormData(form), signal: mine.signal });
      if (!response.ok) return;
      const answer = await response.json();
      if (mine !== asking) return; // something was typed since
      if (error.textContent !== (answer.error ?? "")) {
        error.hidden = !answer.error;
        error.textContent = answer.error ?? "";
      }
      pending(false);
      box.dispatchEvent(new CustomEvent("line-offers", { detail: { rows, offers: answer.offers ?? [] } }));
      if (!answer.error) showAll({ ...answer, amounts: rows.map((row, at) => [row, answer.lines[at] ?? ""]) });
    } catch (fault) {
      if (fault.name !== "AbortError" && !(fault instanceof TypeError)) throw fault; // no connection: stays preliminary
    }
  };

  let drawn = 0;
  const soon = () => {
    asking?.abort();
    asking = null;
    clearTimeout(waiting);
    waiting = setTimeout(ask, PATIENCE);
    cancelAnimationFrame(drawn);
    drawn = requestAnimationFrame(() => { pending(preliminary()); });
  };

  /* --- what a product brings ------------------------------------------------------------------------------------------- */

  const BROUGHT = ["text", "unit", "unit_price", "tax", "quantity"];

  const bring = (row, about, force = false) => {
    const kept = [];
    for (const name of BROUGHT) {
      const control = lines.control(row, name);
      const given = name === "unit_price" && about.currency && about.currency !== currency() ? null : about[name];
      if (!control || given === null || given === undefined) continue;
      const value = typeof given === "object" ? given.text : given;
      if (control.value && control.value !== value && !control.dataset.auto && !force) {
        if (name !== "quantity") kept.push(name);
        continue;
      }
      if (name === "quantity" && control.value) continue;
      lines.put(control, value, typeof given === "object" ? String(given.id) : "");
      control.dataset.auto = "1";
    }
    return kept;
  };

  const chosen = async (control) => {
    const row = control.closest("tr");
    const key = lines.key(control);
    if (!key) return;
    const response = await fetch(`/product/about/${encodeURIComponent(key)}`).catch(() => null);
    if (!response?.ok || lines.key(control) !== key || !row.isConnected) return;
    const about = await response.json();
    const kept = lines.transact(box, () => bring(row, about), control);
    if (kept.length) {
      const take = () => lines.transact(box, () => bring(row, about, true), control);
      lines.note(box, said.refill, [[said.take, take]]);
    }
    soon();
  };

  /* The tax of a new row is that of the row above, until a product or a person says otherwise. */
  const added = (row, above) => {
    const [from, to] = [above && lines.control(above, "tax"), lines.control(row, "tax")];
    if (!from || !lines.key(from) || lines.key(to)) return;
    lines.put(to, from.value, lines.key(from));
    to.dataset.auto = "1";
  };

  box.addEventListener("line-chosen", ({ target, detail }) => { if (detail.column === "product") chosen(target); });
  lines.hooks.bring.push((row, about) => { if (row.closest("[data-lines]") === box) bring(row, about); });
  lines.hooks.added.push((row, above) => { if (row.closest("[data-lines]") === box) added(row, above); });
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  if ($$("tbody tr", box).length) {
    preliminary();
    ask();
  }
})();
