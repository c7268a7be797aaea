/* Charts: drawn from the figures in the page, which the table below them says too. Without this script the table stays. */

(() => {
  "use strict";

  const { $, language, part } = globalThis.countinghouse;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 720px)");
  const ROW = 30; // pixels that a bar which lies on its side takes
  let drawn = null; // the chart on this page
  let library = null;

  const fetched = (src) => new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
  });
  const load = ({ library: code, words }) => (library ??= fetched(code).then(() => words && fetched(words)));

  /* Colours are tokens that depend on the theme: a probe says what they come to. On paper it is always light. */
  const colours = (onPaper) => {
    const probe = document.createElement("span");
    if (onPaper) probe.style.colorScheme = "light";
    document.body.append(probe);
    const of = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const found = {
      series: [1, 2, 3, 4, 5, 6, 7, 8, "other"].map((name) => of(`chart-${name}`)),
      text: of("text"), soft: of("text-soft"), muted: of("muted"), line: of("line"), strong: of("line-strong"), raised: of("raised"),
      surface: of("surface"), font: getComputedStyle(document.body).fontFamily,
    };
    probe.remove();
    return found;
  };

  const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

  const tooltip = (data, look) => ({
    trigger: data.kind === "pie" ? "item" : "axis",
    axisPointer: { type: data.kind === "line" ? "line" : "shadow", lineStyle: { color: look.strong }, shadowStyle: { color: look.muted, opacity: 0.12 } },
    confine: true,
    backgroundColor: look.raised,
    borderColor: look.strong,
    textStyle: { color: look.text, fontFamily: look.font, fontSize: 13 },
    formatter: (found) => {
      const all = [].concat(found).filter((one) => one.data?.text);
      if (!all.length) return "";
      const rows = all.filter((one) => all.length < 3 || Number(one.data.value) !== 0).map((one) =>
        `${one.marker}${data.is_split ? `${escaped(one.seriesName)}: ` : ""}<strong>${escaped(one.data.text)}</strong>`);
      return [`<span>${escaped(all[0].name)}</span>`, ...rows].join("<br>");
    },
  });

  /* What lies on its side reads well with long names; time goes from left to right. */
  const option = (data, look, { paper = false, titled = false } = {}) => {
    const shown = data.labels.map((_label, at) => at).filter((at) => data.kind !== "line" || data.periods[at]);
    const isPie = data.kind === "pie";
    const lies = !data.in_time && data.kind === "bar";
    const split = data.is_split;
    const text = { color: look.soft, fontFamily: look.font, fontSize: 12 };
    const one = (series, at) => ({
      name: data.labels[at], value: Number(series.values[at]), text: series.texts[at], link: series.links[at],
    });
    const labels = { type: "category", data: shown.map((at) => data.labels[at]), axisTick: { show: false },
      axisLine: { lineStyle: { color: look.strong } },
      axisLabel: lies ? { ...text, width: narrow.matches ? 96 : 180, overflow: "truncate" } : { ...text, hideOverlap: true, rotate: 0 },
      inverse: lies };
    const values = { type: "value", minInterval: data.is_count ? 1 : 0, splitLine: { lineStyle: { color: look.line } },
      axisLabel: { ...text, hideOverlap: true, formatter: (value) => short.format(value) } };
    const pie = () => data.series.map((series) => ({
      type: "pie", name: series.name, radius: ["42%", "72%"], center: narrow.matches ? ["50%", "36%"] : ["36%", "50%"],
      label: { show: false }, itemStyle: { borderColor: look.surface, borderWidth: 2 },
      data: shown.map((at) => ({ ...one(series, at), itemStyle: { color: look.series[at % look.series.length] } })),
    }));
    const lines = () => data.series.map((series, at) => ({
      type: data.kind, name: series.name, stack: data.kind === "bar" && split ? "all" : null, barMaxWidth: 44,
      color: look.series[at % look.series.length], symbolSize: 7, lineStyle: { width: 2 },
      itemStyle: data.kind === "bar" ? { borderColor: look.surface, borderWidth: split ? 1 : 0, borderRadius: split ? 0 : lies ? [0, 3, 3, 0] : [3, 3, 0, 0] } : {},
      data: shown.map((place) => one(series, place)),
    }));
    return {
      animation: !still.matches && !paper,
      animationDuration: 250,
      aria: { enabled: true, label: { description: data.description }, decal: { show: isPie || split } },
      textStyle: { fontFamily: look.font, color: look.text },
      title: { show: titled, text: data.title, left: 8, top: 4, textStyle: { color: look.text, fontSize: 15, fontFamily: look.font } },
      grid: { left: 8, right: lies ? 28 : 12, top: (titled ? 44 : 16) + (split ? 32 : 0), bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      legend: { show: isPie || split, type: "scroll", top: isPie && !narrow.matches ? "middle" : isPie ? "bottom" : titled ? 36 : 0,
        right: isPie && !narrow.matches ? 24 : null, left: isPie && !narrow.matches ? "58%" : 0, orient: isPie && !narrow.matches ? "vertical" : "horizontal",
        textStyle: { ...text, color: look.text, width: 220, overflow: "truncate" }, pageTextStyle: text, pageIconColor: look.soft, pageIconInactiveColor: look.strong },
      tooltip: tooltip(data, look),
      ...(isPie ? { series: pie() } : { xAxis: lies ? values : labels, yAxis: lies ? labels : values, series: lines() }),
    };
  };

  const height = (data) => {
    const lies = !data.in_time && data.kind === "bar";
    return lies ? `${Math.max(data.labels.length * ROW + 72, 160)}px` : "";
  };

  const draw = async () => {
    const place = $("#chart-canvas");
    if (!place || !place.isConnected || place.dataset.drawn) return;
    place.dataset.drawn = "1";
    const data = JSON.parse($("#chart-data").textContent);
    place.style.height = height(data);
    try {
      await load(place.dataset);
    } catch {
      place.dataset.failed = "1";
      return; // the table says it all
    }
    if (!place.isConnected) return;
    place.classList.remove("is-waiting");
    drawn?.chart.dispose();
    const chart = globalThis.echarts.init(place, null, { renderer: "canvas", locale: language.toUpperCase() });
    drawn = { chart, data, place };
    chart.setOption(option(data, colours(false)));
    place.setAttribute("role", "img");
    place.toggleAttribute("data-clickable", data.series.some((series) => series.links.some(Boolean)));
    chart.on("click", ({ data: clicked }) => { if (clicked?.link) location.assign(clicked.link); });
    const image = $("[data-chart-image]");
    image?.classList.remove("is-waiting");
    place.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  };

  const again = (about = {}) => drawn?.chart.setOption(option(drawn.data, colours(about.paper ?? false), about), true);

  /* A picture of its own, with the title: what stands on the page is not touched. */
  const save = () => {
    const { data, place } = drawn;
    const box = document.createElement("div");
    box.className = "chart-off";
    box.style.cssText = `position: absolute; left: -9999px; width: ${Math.max(place.clientWidth, 640)}px; height: ${place.clientHeight + 44}px`;
    document.body.append(box);
    const copy = globalThis.echarts.init(box, null, { renderer: "canvas", locale: language.toUpperCase() });
    const look = colours(true);
    copy.setOption({ ...option(data, look, { paper: true, titled: true }), backgroundColor: look.surface });
    const href = copy.getDataURL({ type: "png", pixelRatio: 2 });
    copy.dispose();
    box.remove();
    Object.assign(document.createElement("a"), { href, download: `${data.title}.png` }).click();
  };

  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("[data-chart-image]") && drawn) save();
  });
  new MutationObserver(() => again()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  dark.addEventListener("change", () => again());
  narrow.addEventListener("change", () => again());
  still.addEventListener("change", () => again());
  new ResizeObserver(() => drawn?.chart.resize()).observe($("main"));
  addEventListener("beforeprint", () => {
    if (!drawn) return;
    drawn.chart.resize({ width: Math.min(drawn.place.clientWidth, 680), silent: true });
    again({ paper: true });
  });
  addEventListener("afterprint", () => {
    drawn?.chart.resize({ width: "auto" });
    again();
  });

  /* --- another choice comes without the frame ------------------------------------------------------------------------ */

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id !== "chart-form") return;
    const data = detail.formData;
    for (const name of [...new Set(data.keys())]) if (data.getAll(name).every((value) => value === "")) data.delete(name);
  });
  part("chart");
  document.addEventListener("htmx:afterSettle", draw);
  draw();
})();
