// Keeps a page as things are: the server sends it again when it has changed, and the
// regions that differ are put in. Without this script pages are as they were when loaded.
(() => {
  'use strict';
  const main = document.querySelector('main[data-live]');
  const state = document.getElementById('live');
  if (!main || !state || !window.EventSource) return;

  const say = (text) => { if (state.textContent !== text) state.textContent = text; };

  const put = (text) => {
    const page = new DOMParser().parseFromString(text, 'text/html');
    for (const fresh of page.querySelectorAll('[data-region]')) {
      const old = main.querySelector('[data-region="' + fresh.dataset.region + '"]');
      if (!old || old.innerHTML === fresh.innerHTML) continue;
      // What somebody reads, marks or types in is left alone until they are done.
      const marked = document.getSelection();
      if (old.querySelector('details[open]') || old.contains(document.activeElement) && document.activeElement.matches('input, select, textarea')) continue;
      if (marked && !marked.isCollapsed && old.contains(marked.anchorNode)) continue;
      const at = [...old.querySelectorAll('a, button, summary')].indexOf(document.activeElement);
      const scrolled = [...old.querySelectorAll('.scroll')].map((box) => box.scrollLeft);
      old.replaceChildren(...fresh.childNodes);
      if (at >= 0) old.querySelectorAll('a, button, summary')[at]?.focus({preventScroll: true});
      old.querySelectorAll('.scroll').forEach((box, i) => { box.scrollLeft = scrolled[i] || 0; });
    }
  };

  let source;
  const open = () => {
    source = new EventSource(main.dataset.live);
    source.addEventListener('page', (event) => { put(JSON.parse(event.data)); say('Live'); });
    source.addEventListener('same', () => say('Live'));
    source.addEventListener('away', () => say('The courier does not answer; this is its last word'));
    source.addEventListener('gone', () => { source.close(); location.reload(); });
    source.onerror = () => say('The connection is broken; this is the last word of the courier');
  };
  const close = () => { if (source) source.close(); source = undefined; };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close(); else if (!source) open();
  });
  window.addEventListener('pagehide', close);
  if (!document.hidden) open();
})();
