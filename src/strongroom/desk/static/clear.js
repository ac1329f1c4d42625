// Takes what a page shows out of the browser once its session is over at the latest, also where no server can be asked.
"use strict";

{
  const lifetime = Number(document.currentScript.dataset.clearAfter) * 1000;
  const shownAt = Date.now();

  const clear = () => {
    const link = document.createElement("a");
    link.href = "/";
    link.textContent = "Go on";
    const text = document.createElement("p");
    text.append("This page was cleared because it stood open for too long. ", link);
    const main = document.createElement("main");
    main.append(text);
    document.title = "Cleared · Strongroom";
    document.body.replaceChildren(main);
  };

  // A machine that slept may be late with its timers.
  const look = () => {
    if (Date.now() - shownAt >= lifetime) clear();
  };
  setTimeout(look, lifetime);
  document.addEventListener("visibilitychange", look);

  // A page that the browser kept in memory may be of a session that somebody ended.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      document.body.replaceChildren();
      location.replace("/");
    }
  });
}
