/* What a document comes to, while one types: the arithmetic of app/money in whole numbers (BigInt), so that what is
   shown at once is what the server will say. The server's word counts; this one is preliminary. */
(() => {
  "use strict";

  const ten = (places) => 10n ** BigInt(places);
  const abs = (value) => (value < 0n ? -value : value);
  const sum = (values) => values.reduce((all, value) => all + value, 0n);
  const QUANTITY = [12, 6]; // digits before and after the point
  const MOST_DIGITS = 14; // of an amount, before the point
  const RATE_PLACES = 10;
  const PRECISION = 100; // digits of a quotient: app/money/amount.py computes with so many
  const FINE = 140; // the places that such a quotient is kept with

  /* --- numbers as the reader's language writes them ---------------------------------------------------------------- */

  const escaped = (sign) => sign.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const reader = (marks) => {
    const between = /\s/.test(marks.group) ? "[ \u00a0\u202f\u2009\u2007]" : escaped(marks.group);
    const mark = escaped(marks.decimal);
    const pattern = new RegExp(`^([-+\u2212])?([1-9][0-9]{0,2}(?:${between}[0-9]{3})+|[0-9]+|(?=${mark}))(?:${mark}([0-9]+))?$`);
    return (text) => {
      const found = text.length <= 40 ? pattern.exec(text.trim()) : null;
      if (!found) return null;
      const part = (found[3] ?? "").replace(/0+$/, "");
      const count = BigInt((found[2].replace(/[^0-9]/g, "") || "0") + part);
      return { count: found[1] === "-" || found[1] === "\u2212" ? -count : count, places: part.length };
    };
  };
  const grouped = (digits, marks) => digits.replace(/\B(?=(\d{3})+$)/g, marks.group);
  const written = (count, places, marks, least = 0) => {
    const digits = abs(count).toString().padStart(places + 1, "0");
    const part = digits.slice(digits.length - places).replace(/0+$/, "");
    const kept = (places ? part : "").padEnd(least, "0");
    return (count < 0n ? "-" : "") + grouped(digits.slice(0, digits.length - places), marks) + (kept ? marks.decimal + kept : "");
  };
  const money = (count, [before, after, beforeLess, afterLess, places], marks) => {
    const digits = written(abs(count), places, marks, places);
    return count < 0n ? beforeLess + digits + afterLess : before + digits + after;
  };

  /* --- rounding ------------------------------------------------------------------------------------------------------ */

  const rounded = (over, under) => {
    const half = (2n * abs(over) + under) / (2n * under);
    return over < 0n ? -half : half;
  };
  const quotient = (over, under) => {
    if (!over) return 0n;
    const size = (abs(over) * ten(FINE)) / abs(under);
    const drop = Math.max(size.toString().length - PRECISION, 0);
    const found = rounded(abs(over) * ten(FINE), abs(under) * ten(drop)) * ten(drop);
    return (over < 0n) === (under < 0n) ? found : -found;
  };
  const apportion = (total, quotas) => {
    const whole = quotas.map((quota) => quota / ten(FINE));
    const missing = total - sum(whole);
    const sign = missing >= 0n ? 1n : -1n;
    const lost = quotas.map((quota, at) => sign * (quota - whole[at] * ten(FINE)));
    const more = (a, b) => (a > b ? -1 : a < b ? 1 : 0);
    const order = quotas.map((_quota, at) => at).sort((a, b) => more(lost[a], lost[b]) || more(abs(quotas[a]), abs(quotas[b])) || a - b);
    for (const at of order.slice(0, Number(abs(missing)))) whole[at] += sign;
    return whole;
  };
  const shares = (amount, sums) => {
    if (sums.length === 1) return [amount];
    const total = sum(sums);
    const bearing = sums.map((value) => (value * total > 0n ? value : 0n));
    const whole = sum(bearing);
    return whole ? apportion(amount, bearing.map((value) => quotient(amount * value, whole))) : null;
  };
  const less = (parts, off) => {
    const taken = parts.length && off ? shares(off, parts) : null;
    return taken ? parts.map((part, at) => part - taken[at]) : parts;
  };

  /* --- the document ---------------------------------------------------------------------------------------------------- */

  class Refused extends Error {}
  const within = ({ count, places }, [whole, most]) => {
    if (places > most || abs(count) >= ten(whole + places)) throw new Refused();
    return count * ten(most - places);
  };
  const small = (amount, places) => {
    if (abs(amount) >= ten(MOST_DIGITS + places)) throw new Refused();
    return amount;
  };

  const amountOf = (line, places) => {
    const quantity = within(line.quantity, QUANTITY);
    const price = within(line.price, QUANTITY);
    const discount = within(line.discount, QUANTITY);
    if (!quantity || price < 0n || discount < 0n || discount > 100n * ten(QUANTITY[1])) throw new Refused();
    const scale = 2 * QUANTITY[1];
    small(rounded(quantity * price, ten(scale - places)), places);
    const left = 100n * ten(QUANTITY[1]) - discount;
    return small(rounded(quantity * price * left, ten(scale + 2 + QUANTITY[1] - places)), places);
  };

  const documentShare = (given, sums, places, isDiscount) => {
    const value = within(given, [MOST_DIGITS, places]);
    if (!value) return sums.map(() => 0n);
    const total = sum(sums);
    if (isDiscount && (value * total < 0n || abs(value) > abs(total))) throw new Refused();
    const found = sums.length ? shares(value, sums) : null;
    if (!found) throw new Refused();
    return found;
  };

  const taxOn = (parts, rate, { included, perLine }) => {
    const one = ten(RATE_PLACES);
    const tax = (amount) => rounded(amount * rate, included ? one + rate : one);
    return perLine ? sum(parts.map(tax)) : tax(sum(parts));
  };

  /* Lines: {quantity, price, discount: {count, places}, tax: {category, rate: {count, places}}}, in their order.
     Options: {places, included, perLine, discount, charge}. Everything that comes back counts the currency's smallest
     unit; null where the server will refuse. */
  const price = (lines, options) => {
    try {
      const { places } = options;
      const amounts = lines.map((line) => amountOf(line, places));
      const groups = new Map();
      lines.forEach(({ tax }, at) => {
        const rate = tax.rate.count * ten(RATE_PLACES - tax.rate.places);
        const key = `${tax.category} ${rate}`;
        if (!groups.has(key)) groups.set(key, { category: tax.category, rate, own: [] });
        groups.get(key).own.push(amounts[at]);
      });
      const sorted = [...groups.values()].sort((a, b) => (a.rate < b.rate ? 1 : a.rate > b.rate ? -1 : a.category < b.category ? -1 : 1));
      const sums = sorted.map(({ own }) => sum(own));
      const discounts = documentShare(options.discount, sums, places, true);
      const charges = documentShare(options.charge, sums, places, false);
      const priced = sorted.map(({ rate, own }, at) => {
        const tax = taxOn([...less(own, discounts[at]), charges[at]], rate, options);
        const rows = sums[at] - discounts[at] + charges[at];
        return { rate, base: small(options.included ? rows - tax : rows, places), tax: small(tax, places) };
      });
      const net = small(sum(priced.map(({ base }) => base)), places);
      const tax = small(sum(priced.map((group) => group.tax)), places);
      return { amounts, groups: priced, net, tax, gross: small(net + tax, places) };
    } catch (refusal) {
      if (refusal instanceof Refused) return null;
      throw refusal;
    }
  };

  const percent = (rate, marks) => written(rate, RATE_PLACES - 2, marks);

  globalThis.countinghouse.money = { money, percent, price, reader, written };
})();
