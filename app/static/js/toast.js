/* Toasts: what the server has said on this page, and what scripts say by `countinghouse.toast`. They stack at the
   bottom; good news leave by themselves unless somebody looks at them, whatever went wrong stays. */

(() => {
  "use strict";

  const { $, $$, icon, isTyping } = globalThis.countinghouse;
  const STAYS = 8000;
  const STAYING = ["danger", "error", "warning"];
  const SIGNS = { success: "circle-check", info: "info", warning: "triangle-alert", danger: "circle-alert", error: "circle-alert" };
  const box = $("#toasts");
  const model = $("#toast");
  if (!box || !model) return;

  const close = (toast) => {
    const held = toast.contains(document.activeElement);
    toast.remove();
    if (held) ($(".toast:last-child .alert-close", box) ?? $("#main"))?.focus({ preventScroll: true });
  };

  /* A toast that is pointed at or holds the focus waits; once left it has its whole time again. */
  const leaveInTime = (toast) => {
    let timer = null;
    const looked = () => toast.matches(":hover, :focus-within") || document.hidden;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => (looked() ? wait() : close(toast)), STAYS);
    };
    for (const kind of ["pointerleave", "focusout"]) toast.addEventListener(kind, wait);
    wait();
  };

  const show = (toast) => {
    $(".alert-close", toast).addEventListener("click", (event) => {
      event.stopPropagation();
      close(toast);
    });
    box.append(toast);
    if (!STAYING.includes(toast.dataset.toast)) leaveInTime(toast);
    return toast;
  };

  const offer = (toast, undo) => {
    const form = $(".toast-undo", toast);
    if (!undo) return form.remove();
    form.action = undo.url;
    $("button", form).textContent = undo.label;
    $("[name=back]", form).value = location.pathname + location.search;
    for (const [name, value] of Object.entries(undo.fields ?? {})) {
      form.prepend(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
  };

  const say = (text, { category = "success", undo = null } = {}) => {
    const toast = $(".toast", model.content).cloneNode(true);
    const kind = category in SIGNS ? category : "info";
    toast.classList.replace("alert-success", `alert-${kind}`);
    toast.dataset.toast = kind;
    if (STAYING.includes(kind)) toast.setAttribute("role", "alert");
    $(".icon", toast).replaceWith(icon(SIGNS[kind]));
    $(".alert-text", toast).textContent = text;
    offer(toast, undo);
    return show(toast);
  };

  /* Escape belongs to what is open first: menus, dialogs, fields. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || $("dialog[open], .side.is-open")) return;
    if ($("details.drop[open], details.filters[open], .flatpickr-calendar.open, .dropdown-active")) return;
    const last = $(".toast:last-child", box);
    if (!last || (isTyping(event.target) && !last.contains(event.target))) return;
    event.stopPropagation();
    close(last);
  }, true);

  const foot = $(".form-foot"); // sticks to the bottom and grows with what it says
  if (foot) {
    new ResizeObserver(() => document.body.style.setProperty("--toasts-above", `${foot.offsetHeight + 12}px`)).observe(foot);
  }
  if (!$(".sign-in")) {
    $$("#flashes > .toast").forEach(show);
    $("#flashes")?.remove();
  }
  globalThis.countinghouse.toast = say;
})();
