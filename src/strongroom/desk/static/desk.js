// Makes pages quicker to use; without it they do the same. What counts down goes on counting, and a filter or pager that
// htmx fetched shows a whole new page where the answer is another one, such as the one to sign on.
"use strict";

{
  const MINUTE = 60_000;

  const span = (ms) => {
    const minutes = Math.floor(Math.abs(ms) / MINUTE);
    const days = Math.floor(minutes / 1440);
    const hours = Math.floor((minutes % 1440) / 60);
    const rest = minutes % 60;
    if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
    if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
    return `${rest} min`;
  };

  // The server's clock counts, not the browser's: what passed since the page was loaded is added to it.
  const loadedAt = performance.now();
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      const left = Number(clock.dataset.clock) * 1000 - (performance.now() - loadedAt);
      const text = left < 0 ? `late by ${span(left)}` : `${span(left)} left`;
      if (clock.textContent !== text) clock.textContent = text;
    }
  };
  setInterval(tick, MINUTE / 2);

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    const came = new URL(xhr.responseURL);
    const asked = new URL(pathInfo.finalRequestPath, location.href);
    if (came.pathname !== asked.pathname || xhr.status !== 200) {
      event.detail.shouldSwap = false;
      location.assign(came);
    }
  });
}
