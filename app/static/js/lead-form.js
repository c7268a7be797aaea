// A form on a foreign page: does the ticket's work while somebody types, and tells the page around it how high it is.
(() => {
  "use strict";
  const form = document.querySelector("form[data-work]");
  const tell = () => parent !== window && parent.postMessage({ height: document.documentElement.scrollHeight }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
  if (!form || !window.crypto?.subtle) return; // without it what is sent is looked at by a person
  const proof = form.elements.namedItem("proof");
  const wait = form.querySelector(".ask-wait");
  const worker = new Worker(form.dataset.work);
  let isAsked = false;
  const send = () => form.submit();
  worker.onmessage = (told) => {
    proof.value = String(told.data);
    if (isAsked) send();
  };
  worker.onerror = () => isAsked && send();
  worker.postMessage({ number: form.dataset.number, bits: Number(form.dataset.bits) });
  form.addEventListener("submit", (event) => {
    if (proof.value || isAsked) return;
    event.preventDefault();
    isAsked = true;
    wait.textContent = form.dataset.waits;
    wait.hidden = false;
    setTimeout(send, 20000); // nobody waits for ever: it is held then, not lost
  });
})();
