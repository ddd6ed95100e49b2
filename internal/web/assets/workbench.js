// Tries the templates as they are typed. Without this script the button does it.
(() => {
  'use strict';
  const form = document.getElementById('bench');
  if (!form || !window.fetch) return;
  let timer, asked = 0;
  const attempt = async () => {
    const mine = ++asked;
    let text;
    try {
      const answer = await fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
      if (!answer.ok) return;
      text = await answer.text();
    } catch { return; }
    if (mine !== asked) return;
    const fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('results');
    if (fresh) document.getElementById('results').replaceChildren(...fresh.childNodes);
  };
  form.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(attempt, 400); });
  form.addEventListener('submit', (event) => { event.preventDefault(); clearTimeout(timer); attempt(); });
  attempt();
})();
