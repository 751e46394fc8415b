// The desk: keys, the list, the opened incident, what is sent, the link to the hub. No text of its own: see lexicon.py.
import { parse } from './grammar.js';
import { Outbox, newId } from './outbox.js';
import { Rows } from './rows.js';
import { Stream } from './stream.js';

const $ = id => document.getElementById(id);
const page = document.body.dataset, words = JSON.parse(page.words), say = words.say;
const query = new URLSearchParams(location.search).get('mode') ? `?mode=${page.mode}` : '';
const asked = more => '?' + new URLSearchParams({ mode: page.mode, as: page.watch, ...more });
const policy = window.trustedTypes?.createPolicy('desk', { createHTML: html => html, createScript: () => '' });
htmx.registerExtension('desk', { init: api => policy && api.initSecurity(policy) });
document.addEventListener('htmx:config:request', event => { event.detail.ctx.request.headers['X-Samvirke-Watch'] = page.watch; });
const fragment = html => { const holder = document.createElement('template'); holder.innerHTML = policy ? policy.createHTML(html) : html; return holder.content; };

// --- Time: the hub's clock, counted on by the browser's own.
let base = Date.parse(page.now), at = performance.now(), heard = performance.now(), lost = false, away = false;
const hubNow = () => base + performance.now() - at;
const two = number => String(number).padStart(2, '0');
function age(since) {
  const s = Math.max(0, Math.floor((hubNow() - Date.parse(since)) / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  return h >= 48 ? `${Math.floor(h / 24)} d` : h ? `${h}t${two(m % 60)}m` : `${two(m)}:${two(s % 60)}`;
}
const oslo = new Intl.DateTimeFormat('nb-NO', { timeZone: 'Europe/Oslo', weekday: 'short', day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const put = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
setInterval(() => {
  put($('clock'), oslo.format(hubNow()));
  for (const time of document.querySelectorAll('[data-since]')) put(time, age(time.dataset.since));
}, 1000);

// --- The list.
const rows = new Rows($('rows'), Number(page.most), fragment, () => $('rows').contains(document.activeElement) || $('rows').matches(':hover'));
let opened = document.querySelector('.opened')?.dataset.name || '';
function counted(counts) {
  if (counts) {
    [...document.querySelectorAll('#counts [data-count]')].forEach((one, place) => put(one, String(counts.by[place])));
    put($('total'), String(counts.total));
  }
  const coming = [...rows.coming.values()], first = coming.filter(row => row.matches('.critical')).length;
  $('newcomers').hidden = !coming.length;
  put($('newcomers'), `${coming.length} ${say.newcomers}${first ? ` ▲${first}` : ''} (Home)`);
  const more = rows.total - rows.list.children.length - coming.length;
  $('more').hidden = more <= 0;
  put($('more'), `${more} ${say.more}`);
  $('none').hidden = rows.total > 0;
  const all = rows.list.children.length, seen = [...rows.list.children].filter(row => !row.hidden).length;
  $('filter').hidden = !rows.words;
  put($('filter'), rows.words ? `${seen}/${all} ${say.filtered} «${rows.words}» (Esc)` : '');
  mark();
  if (rows.missing && !rows.held()) refill();
}
function mark() {
  for (const row of rows.list.querySelectorAll('[aria-current]')) if (row.dataset.name !== opened) row.removeAttribute('aria-current');
  if (opened) rows.find(opened)?.setAttribute('aria-current', 'true');
}
let refilling = false;
async function refill() {
  if (refilling) return;
  refilling = true;
  try {
    const answer = await fetch('/part/rows' + asked({}), { headers: { 'X-Samvirke-Watch': page.watch } });
    if (answer.ok) { const html = await answer.text(); rows.all(html, [...fragment(html).querySelectorAll('li.row')].map(row => row.dataset.name), rows.total); }
  } catch { /* the link's own watch says it */ } finally { setTimeout(() => { refilling = false; }, 1000); }
}
for (const event of ['focusout', 'pointerleave']) rows.list.addEventListener(event, () => setTimeout(() => { if (!rows.held()) { rows.settle(); counted(); } }, 0));

// --- One incident; what is being written in it is kept while another is looked at.
const drafts = new Map();
const fieldsOf = form => Object.fromEntries([...new FormData(form)].filter(([name]) => name !== 'csrf'));
document.addEventListener('input', ({ target }) => { const form = target.closest('form[data-draft]'); if (form) drafts.set(form.dataset.draft, fieldsOf(form)); });
function restore(holder) {
  for (const form of holder.querySelectorAll('form[data-draft]')) {
    for (const [name, value] of Object.entries(drafts.get(form.dataset.draft) || {})) if (form.elements[name]) form.elements[name].value = value;
  }
}
async function open(name, { push = true, focus = true, after = '' } = {}) {
  const address = `/incidents/${encodeURIComponent(name)}${query}`, same = name === opened;
  await htmx.ajax('GET', after ? address + (query ? '&' : '?') + new URLSearchParams({ after }) : address, { target: '#incident', swap: same ? 'innerMorph' : 'innerHTML' });
  opened = document.querySelector('.opened')?.dataset.name || name;
  if (!same) restore($('incident'));
  if (push && !same) history.pushState({}, '', address);
  if (focus) $('incident-title')?.focus();
  const log = document.querySelector('.log');
  if (log && (!same || log.scrollHeight - log.scrollTop - log.clientHeight < 200)) log.scrollTop = log.scrollHeight;
  mark();
}
window.addEventListener('popstate', () => location.reload());
function report() {
  $('incident').replaceChildren($('new-form').content.cloneNode(true));
  const form = $('incident').querySelector('form');
  form.elements.id.value = newId();
  opened = '';
  restore($('incident'));
  form.elements.priority.focus();
}

// --- What is sent.
const desk = { person: page.person, watch: page.watch, mode: page.mode, query, csrf: page.csrf, renew };
async function renew() {
  const answer = await fetch('/v1/session', { headers: { 'X-Samvirke-Watch': page.watch } }).catch(() => null);
  if (!answer?.ok) return false;
  const found = await answer.json(), other = found.person !== page.person, changed = found.csrf !== desk.csrf;
  if (other) { put($('alert'), say.other_person); return false; }
  desk.csrf = found.csrf;
  return changed || away;
}
function told(record, answer) {
  const id = `o-${record.id}`, state = { unsent: say.unsent, sending: say.sending, sent: say.sent, kept: say.kept, refused: say.refused }[record.state];
  const line = $(id) || Object.assign(document.createElement('li'), { id });
  line.className = record.state;
  line.textContent = `${oslo.format(hubNow()).slice(-8)} ${record.label} – ${state}${answer?.sentence ? `: ${answer.sentence}` : ''}`;
  $('outbox').prepend(line);
  while ($('outbox').children.length > 8) ($('outbox').querySelector('li.sent:last-of-type') || $('outbox').lastElementChild).remove();
  const form = document.querySelector(`form[data-send] input[name=id][value="${record.id}"]`)?.form || [...document.forms].find(one => one.elements.id?.value === record.id);
  if (record.state === 'sending') return;
  if (form && record.state === 'refused') { note(form, answer.sentence); form.elements.id.value = newId(); }
  else if (form && !away) {
    const same = JSON.stringify({ ...fieldsOf(form), id: 0 }) === JSON.stringify({ ...record.fields, id: 0 });
    drafts.delete(form.dataset.draft);
    if (same) form.reset();
    form.elements.id.value = newId();
    note(form, '');
  }
  if (record.state === 'refused') put($('echo'), answer.sentence);
  if (record.state === 'sent' && answer.ref && record.act === 'new' && (form || !opened)) open(answer.ref, { after: answer.receipt });
}
function note(form, text) {
  const place = form.querySelector('.fault') || form.appendChild(Object.assign(document.createElement('p'), { className: 'fault', role: 'alert' }));
  put(place, text);
}
const outbox = new Outbox(desk, told, () => { away = true; put($('alert'), say.ended); $('alert').hidden = $('signin').hidden = false; });
document.addEventListener('submit', event => {
  const form = event.target;
  if (form.id === 'line') { event.preventDefault(); run(); return; }
  if (form.id === 'signin') { event.preventDefault(); signIn(); return; }
  if (!form.dataset.send) return;
  event.preventDefault();
  const { id, ...fields } = fieldsOf(form), path = new URL(form.action).pathname;
  outbox.put(form.dataset.send, path, fields, `${say[form.dataset.send]} ${opened}`.trim(), id);
});

// --- Acts: the same whether a key, a button or the command line asks for them.
const chosen = () => document.activeElement.closest?.('li.row') || (opened && rows.find(opened)) || null;
function acknowledge(name) {
  const row = name ? rows.find(name) : [chosen(), ...rows.list.querySelectorAll('.waits')].find(one => one?.matches('.waits'));
  if (!row && !name) { put($('echo'), say.nothing_to_acknowledge); return; }
  const wanted = name || row.dataset.name, label = row ? row.querySelector('.ref').textContent : wanted;
  put($('echo'), `${say.ack} · ${label}`);
  outbox.put('ack', `/incidents/${wanted}/ack`, row?.dataset.chain ? { chain: row.dataset.chain } : {}, `${say.ack} ${label}`);
}
function find(said) {
  if (!said) return opened ? { name: opened, label: opened } : null;
  const wanted = said.toUpperCase(), number = /^\d{1,6}$/.test(said) ? `-${said.padStart(4, '0')}` : null;
  const row = [...rows.list.children].find(({ dataset }) => dataset.name === wanted || dataset.number === wanted || (number && dataset.number.endsWith(number)));
  return row ? { name: row.dataset.name, label: `${row.dataset.number || row.dataset.name} ${row.querySelector('.said').textContent.trim()}` } : null;
}
let last = null, lineId = newId();
$('typed').addEventListener('input', () => {
  last = parse($('typed').value, words, find);
  put($('echo'), !last ? '' : last.error ? `${say.not_understood}: ${last.error}` : `${say.understood}: ${last.echo}`);
  $('echo').className = last?.error ? 'wrong' : '';
});
function run() {
  last = parse($('typed').value, words, find);
  if (!last || last.error) return;
  const { act, name, fields, echo } = last;
  if (act === 'open') open(name);
  else if (act === 'find') { rows.filter(fields.words); counted(); }
  else if (act === 'duty') acts.duty();
  else if (act === 'help') acts.help();
  else if (act === 'ack') acknowledge(name);
  else outbox.put(act, { new: '/incidents', log: `/incidents/${name}/entries`, state: `/incidents/${name}/state`, take: '/duty/take', release: '/duty/release' }[act], fields, echo, lineId);
  lineId = newId();
  $('typed').value = '';
  put($('echo'), echo);
}
const acts = {
  line: () => { $('typed').focus(); $('typed').select(); },
  ack: () => acknowledge(),
  save: () => document.activeElement.closest('form')?.requestSubmit(),
  down: () => rows.move(1), up: () => rows.move(-1), pagedown: () => rows.move(10), pageup: () => rows.move(-10),
  newest: () => { rows.settle(); counted(); rows.list.scrollTop = 0; if (rows.list.firstElementChild) rows.focus(rows.list.firstElementChild); },
  open: () => { const row = chosen(); if (row) open(row.dataset.name); },
  back: () => {
    if (document.activeElement === $('typed')) { $('typed').value = ''; put($('echo'), ''); }
    if (rows.words) { rows.filter(''); counted(); }
    const row = (opened && rows.find(opened)) || rows.list.firstElementChild;
    if (row) rows.focus(row);
  },
  help: () => $('help').open || $('help').showModal(),
  new: report,
  log: () => $('log-text')?.focus(),
  correct: () => { const mine = [...document.querySelectorAll('.correct[data-mine]')].pop(); if (mine) { mine.open = true; mine.querySelector('textarea').focus(); } },
  state: () => $('state-choice')?.focus(),
  duty: () => { $('duty').scrollIntoView(); $('duty').focus(); },
};
const inField = element => element.matches?.('input, textarea, select, [contenteditable]');
const inList = new Set(['down', 'up', 'pagedown', 'pageup', 'newest', 'open']);
const singles = $('singles');
singles.checked = localStorage.getItem('samvirke-singles') !== 'off';
singles.addEventListener('change', () => localStorage.setItem('samvirke-singles', singles.checked ? 'on' : 'off'));
document.addEventListener('keydown', event => {
  if (event.isComposing || event.altKey || event.metaKey || $('help').open) return;
  const press = (event.ctrlKey ? 'Control+' : '') + event.key;
  const key = words.keys.find(([known]) => known === press);
  if (!key) return;
  const [, act, single] = key, field = inField(event.target);
  if (single && (field || !singles.checked)) return;
  if (inList.has(act) && (field || event.target.closest('.one, .side, button, a:not(.row a)') || (act === 'open' && !chosen()))) return;
  if (act === 'save' && !event.target.closest('form')) return;
  event.preventDefault();
  acts[act]();
});
document.addEventListener('click', event => {
  const link = event.target.closest('li.row a'), act = event.target.closest('[data-act]')?.dataset.act;
  if (act) acts[act]();
  if (!link || event.ctrlKey || event.shiftKey || event.metaKey) return;
  event.preventDefault();
  open(link.closest('li').dataset.name);
});
window.addEventListener('beforeunload', event => { if (outbox.waiting().length) event.preventDefault(); });

// --- The link to the hub: what comes, and that it comes.
function system(tick) {
  put($('system').querySelector('strong'), lost ? say.no_link : tick?.degraded ? `${say.degraded} (${tick.reasons.join(', ')})` : say.normal);
  $('system').className = lost || tick?.degraded ? 'abnormal' : '';
  put($('latency'), lost || !tick ? '' : `NATS ${tick.latency} ms`);
  put($('waiting'), `${say.unsent}: ${outbox.waiting().length + (tick?.waiting || 0)}`);
  $('waiting').className = outbox.waiting().length + (tick?.waiting || 0) ? 'abnormal' : '';
}
function linked(isLinked) {
  heard = isLinked ? performance.now() : heard;
  if (lost === !isLinked) return;
  lost = !isLinked;
  document.body.classList.toggle('lost', lost);
  if (!away) { put($('alert'), lost ? say.lost.replace('{time}', oslo.format(hubNow()).slice(-8)) : ''); $('alert').hidden = !lost; }
  if (lost) system();
}
setInterval(() => { if (performance.now() - heard > 2800) linked(false); else if (outbox.waiting().length && !away) outbox.drain(); }, 400);
function deliver(event, data) {
  if (event === 'stale') { refill(); return; }
  if (event === 'ended') { outbox.ended(); return; }
  const was = lost;
  linked(true);
  if (event === 'tick') { base = data.now; at = performance.now(); system(data); return; }
  const fresh = event === 'all' ? (rows.all(data.rows, data.names, data.counts.total), []) : rows.take(data.rows, data.gone, data.counts.total);
  counted(data.counts);
  const first = fresh.find(row => row.matches('.critical.waits'));
  if (first) put($('p1'), first.textContent.replace(/\s+/g, ' '));
  if (data.all) htmx.trigger(document.body, 'duty');
  if (opened && (data.log?.[opened] || (event === 'all' && was))) open(opened, { push: false, focus: false, after: data.log?.[opened] || '' });
}
const stream = new Stream(`samvirke-${page.mode}-${page.watch}`, page.place, place => '/stream' + asked({ after: place }), deliver);
async function signIn() {
  const secret = $('link').value.trim().split('/').pop();
  const answer = await fetch(`/sign-in/${encodeURIComponent(secret)}`, { method: 'POST', redirect: 'manual' }).catch(() => null);
  if (answer?.type === 'opaqueredirect' && await renew()) back(); else put($('alert'), answer?.type === 'opaqueredirect' ? say.other_person : say.bad_link);
}
function back() {
  away = false;
  $('link').value = '';
  $('alert').hidden = $('signin').hidden = true;
  stream.again();
  outbox.drain();
}
setInterval(async () => { if (away && await renew()) back(); }, 3000);
counted();
if (opened) mark();
outbox.drain();
