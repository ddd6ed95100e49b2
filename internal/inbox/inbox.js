// Keeps the page as the server would show it now, and copies codes. Without it, the links
// and forms of the page work all the same.
"use strict";
(() => {
  const say = (text) => { document.getElementById("said").textContent = text; };
  const live = (on) => {
    const element = document.getElementById("live");
    element.textContent = on ? "live" : "not live: the inbox does not answer";
    element.classList.toggle("on", on);
  };

  // morph makes an element like a newer one and keeps what is equal, with its focus. Children
  // are the same by their id, or else by their place.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = fresh.nodeValue; return; }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const byID = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const same = child.id ? byID.get(child.id) : at && !at.id && at.nodeName === child.nodeName ? at : null;
      if (!same) { old.insertBefore(child, at); continue; }
      if (same === at) at = at.nextSibling; else old.insertBefore(same, at);
      morph(same, child);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }

  const thread = () => document.getElementById("thread");
  const toEnd = () => { thread().scrollTop = thread().scrollHeight; };

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const atEnd = thread().scrollHeight - thread().scrollTop - thread().clientHeight < 80;
    for (const id of ["what", "main"]) morph(document.getElementById(id), fresh.getElementById(id));
    document.title = fresh.title;
    if (atEnd) toEnd();
  }

  // refresh asks for the page once at a time; what happens meanwhile is asked for after it.
  let asking = false, again = false;
  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    do {
      again = false;
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        if (answer.ok) show(await answer.text());
      } catch { /* the connection for changes says so */ }
    } while (again);
    asking = false;
  }

  const changes = new EventSource("/_inbox/events");
  changes.onmessage = () => { live(true); refresh(); };
  changes.onerror = () => live(false);

  // copy puts a text on the clipboard, in the old way where the browser refuses the new one.
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch { /* no permission, or a page without TLS of another machine */ }
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await copy(button.dataset.copy);
      say("Copied " + button.dataset.copy);
    } catch {
      say("The browser does not let the page copy");
    }
  });

  // A form is sent without leaving the page.
  document.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) });
      if (!answer.ok) say((await answer.json()).detail);
    } catch {
      say("The inbox does not answer");
    }
    refresh();
  });

  toEnd();
})();
