// Moves the code of a one-time link from behind the # into the form, and out of the address bar and the history.
"use strict";

function take() {
  const code = window.location.hash.slice(1);
  if (!code) return;
  document.getElementById("code").value = code;
  window.history.replaceState(null, "", window.location.pathname);
  document.querySelector("[data-code-found]").hidden = false;
  document.querySelector("main button").focus();
}

// Who opens the link with this page open already gets no new page.
window.addEventListener("hashchange", take);
take();
