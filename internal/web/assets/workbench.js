// Tries the templates as they are typed. Without this script the button does it.
(() => {
  'use strict';
  const form = document.getElementById('bench');
  if (!form || !window.fetch) return;
  let timer, asked = 0;
  // With a sample, which somebody chose just now, the fields beside it become as it is.
  const attempt = async (sample) => {
    const mine = ++asked;
    const fields = new FormData(form);
    for (const select of form.querySelectorAll('select')) if (select !== sample) fields.delete(select.name);
    let text;
    try {
      const answer = await fetch(form.action, {method: 'POST', body: new URLSearchParams(fields)});
      if (!answer.ok) return;
      text = await answer.text();
    } catch { return; }
    if (mine !== asked) return;
    const page = new DOMParser().parseFromString(text, 'text/html');
    const fresh = page.getElementById('results');
    if (fresh) document.getElementById('results').replaceChildren(...fresh.childNodes);
    if (!fresh || !sample) return;
    for (const field of sample.closest('fieldset').querySelectorAll('input, textarea')) field.value = page.getElementById(field.id).value;
  };
  form.addEventListener('input', (event) => {
    clearTimeout(timer);
    const sample = event.target.matches('select') ? event.target : undefined;
    timer = setTimeout(attempt, sample ? 0 : 400, sample);
  });
  form.addEventListener('submit', (event) => { event.preventDefault(); clearTimeout(timer); attempt(); });
  attempt();
})();
