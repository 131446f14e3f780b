// The little that plain pages cannot do: times in the viewer's zone, and no stale page that looks alive.
// Everything works without it.
"use strict";

(() => {
  // --- times in the viewer's zone ----------------------------------------------------------------

  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

  const inWords = (moment) => {
    const today = new Date();
    if (moment.toDateString() === today.toDateString()) return clock.format(moment);
    const date = moment.getFullYear() === today.getFullYear() ? day : dayAndYear;
    return `${date.format(moment)}, ${clock.format(moment)}`;
  };

  const localize = () => {
    for (const element of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      const words = inWords(moment);
      if (!Number.isNaN(moment.valueOf()) && element.textContent !== words) element.textContent = words;
    }
  };

  // An observer, since it runs before anything is painted: nobody sees UTC flash up when a part is renewed.
  const watching = new MutationObserver(localize);
  const startClocks = () => {
    const zone = document.getElementById("zone");
    if (zone) zone.textContent = clock.resolvedOptions().timeZone;
    localize();
    watching.observe(document.body, { childList: true, subtree: true, characterData: true });
  };

  // --- the part of a page that is renewed --------------------------------------------------------

  // Why the page is not renewed, which its style shows; empty while it is.
  const stale = (why) => { document.body.dataset.stale = why; };

  // A tab in the background goes on, slowly: its title tells how much waits for a person.
  const seldom = 60_000;
  let renewed = Date.now();
  document.addEventListener("htmx:before:request", (event) => {
    if (leaving || (document.hidden && Date.now() - renewed < seldom)) event.preventDefault();
    else renewed = Date.now();
  });
  const countInTitle = () => {
    const count = document.getElementById("waiting");
    if (!count) return;
    const title = document.title.replace(/^\(\d+\) /, "");
    document.title = count.hidden ? title : `(${count.textContent}) ${title}`;
  };
  document.addEventListener("htmx:response:error", (event) => {
    stale(event.detail.ctx.response.status === 401 ? "signed-out" : "unreached");
  });
  document.addEventListener("htmx:error", () => stale("unreached"));
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 400) stale("");
  });
  document.addEventListener("htmx:after:swap", countInTitle);

  const live = () => document.querySelectorAll("[hx-trigger]");
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const part of live()) htmx.trigger(part, "every");
  });
  // What is under way when the page is left is no failure. Sending a form leaves it, too: who signs out need not
  // be told so by the page that they leave.
  let leaving = false;
  const leave = () => {
    leaving = true;
    for (const part of live()) htmx.trigger(part, "htmx:abort");
  };
  window.addEventListener("pagehide", leave);
  document.addEventListener("submit", leave);
  window.addEventListener("pageshow", () => { leaving = false; });

  // --- forms -------------------------------------------------------------------------------------

  // Nobody sends an answer twice by a double click.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button:not([name])")) button.disabled = true;
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
  });
  for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-ticks-all]")) for (const tick of document.querySelectorAll("input.tick")) tick.checked = event.target.checked;
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // --- keys, and IDs to take along ---------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const search = document.querySelector("#search");
    if (event.key === "/" && search) search.focus();
    else if (event.key === "?") document.getElementById("help").showPopover();
    else return;
    event.preventDefault();
  });

  const copied = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copied(button);
  });
  // A browser gives pages the clipboard over https and on this machine alone.
  if (navigator.clipboard) document.documentElement.classList.add("scripted");

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startClocks);
  else startClocks();
})();
