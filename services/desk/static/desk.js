// The desk: keys, the list, the opened incident, what is sent, the link to the hub. No text of its own: see lexicon.py.
import { parse } from './grammar.js';
import { Opened } from './opened.js';
import { Outbox, newId } from './outbox.js';
import { Rows } from './rows.js';
import { Stream } from './stream.js';

const $ = id => document.getElementById(id), all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const page = document.body.dataset, words = JSON.parse(page.words), say = words.say, own = { 'X-Samvirke-Watch': page.watch };
const query = new URLSearchParams(location.search).has('mode') ? `?mode=${page.mode}` : '', asked = more => '?' + new URLSearchParams({ mode: page.mode, as: page.watch, ...more });
const put = (element, text, hidden) => { if (element.textContent !== text) element.textContent = text; if (hidden !== undefined) element.hidden = hidden; };
const policy = window.trustedTypes?.createPolicy('desk', { createHTML: html => html });
const fragment = html => { const holder = document.createElement('template'); holder.innerHTML = policy ? policy.createHTML(html) : html; return holder.content; };
htmx.registerExtension('desk', { init: api => policy && api.initSecurity(policy) });
document.addEventListener('htmx:config:request', event => Object.assign(event.detail.ctx.request.headers, own));

// --- Time: the hub's clock, counted on by the browser's own.
let base = Date.parse(page.now), speed = 1, at = performance.now(), heard = at, lost = false, away = false;
const hubNow = () => base + (performance.now() - at) * speed, two = number => String(number).padStart(2, '0');
const country = { nb: 'nb-NO', nn: 'nn-NO', en: 'en-GB' }[document.documentElement.lang], day = new Intl.DateTimeFormat(country, { timeZone: 'Europe/Oslo', weekday: 'short', day: '2-digit', month: '2-digit' });
const clock = new Intl.DateTimeFormat(country, { timeZone: 'Europe/Oslo', timeStyle: 'medium' });
function age(since) {
  const s = Math.max(0, Math.floor((hubNow() - Date.parse(since)) / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  return h >= 48 ? `${Math.floor(h / 24)} d` : h ? `${h}${say.hour}${two(m % 60)}m` : `${two(m)}:${two(s % 60)}`;
}
setInterval(() => { put($('clock'), `${day.format(hubNow())} ${clock.format(hubNow())}${page.mode === 'exercise' ? ` (${clock.format(Date.now())})` : ''}`); for (const time of all('[data-since]')) put(time, age(time.dataset.since)); }, 1000);

// --- The list.
const rows = new Rows($('rows'), Number(page.most), fragment, listed);
const standing = () => document.querySelector('.opened')?.dataset || { name: '' };
let refilling = 0;
function listed() {
  const coming = [...rows.coming.values()], first = coming.filter(row => row.matches('.critical')).length, shown = rows.list.children.length;
  put($('newcomers'), `${coming.length} ${say.newcomers}${first ? ` ▲${first}` : ''} (Home)`, !coming.length);
  put($('more'), `${rows.total - shown - coming.length} ${say.more}`, rows.total <= shown + coming.length);
  put($('filter'), `${rows.words && all('li:not([hidden])', rows.list).length}/${shown} ${say.filtered} «${rows.words}» (Esc)`, !rows.words);
  $('none').hidden = rows.total > 0;
  const { name } = standing();
  for (const row of rows.list.children) row.toggleAttribute('aria-current', row.dataset.name === name);
  if (rows.missing && !rows.held && Date.now() - refilling > 1000) refill();
}
async function refill() {
  refilling = Date.now();
  const answer = await fetch('/part/rows' + asked({}), { headers: own }).catch(() => null), html = answer?.ok ? await answer.text() : null;
  if (html !== null) rows.all(html, all('li.row', fragment(html)).map(row => row.dataset.name), rows.total);
}

// --- One incident; what is being written in it is kept while another is looked at.
const KEPT = 'samvirke-writing', kept = JSON.parse(sessionStorage.getItem(KEPT)) || {}, drafts = new Map(kept.writing), inField = element => element.matches('input, textarea, select');
const fieldsOf = form => Object.fromEntries([...new FormData(form)].filter(([name]) => name !== 'csrf' && name !== 'command'));
function fill(form, fields) { for (const [name, value] of Object.entries(fields || {})) { const field = form.elements[name]; if (field?.type === 'checkbox') field.checked = true; else if (field) field.value = value; } }
const draft = () => { for (const form of all('#incident form[data-draft]')) fill(form, drafts.get(form.dataset.draft)); };
const address = name => `/incidents/${encodeURIComponent(name)}${query}`;
const ask = (name, after, signal) => fetch(after ? `${address(name)}${query ? '&' : '?'}after=${after}` : address(name), { headers: { ...own, 'HX-Request': 'true' }, signal }).catch(() => null);
const incident = new Opened(standing().name, ask, show);
// What is pressed and typed while an incident is being fetched reaches it when it has come; till then its log keeps the words.
let early = [];
async function open(name, how = {}) {
  const came = await incident.open(name, how);
  if (incident.opening) return;
  const presses = early.splice(0);
  if (came) { for (const press of presses) again(press); return; }
  const text = presses.slice(1).filter(one => one.key.length === 1 && !one.ctrlKey).map(one => one.key).join('');
  if (text && acting(presses[0]) === 'log') drafts.set(`log-${name}`, { text });
  incident.close(); $('incident').replaceChildren(Object.assign(document.createElement('p'), { className: 'fault', textContent: `${name}: ${say.not_fetched}` })); listed();
}
function again({ key, ctrlKey }) {
  if (ctrlKey || key.length > 1 || !inField(document.activeElement)) pressed(key, ctrlKey, document.activeElement);
  else document.execCommand('insertText', false, key);
}
async function show(name, html, how) {
  const same = name === incident.name, log = document.querySelector('.log'), before = document.activeElement;
  const below = !log || !same || log.scrollHeight - log.scrollTop - log.clientHeight < 200;
  await htmx.swap({ target: '#incident', text: html, swap: same ? 'innerMorph' : 'innerHTML', sourceElement: $('incident') });
  if (!same) draft();
  if (how && how.push !== false && !same) history.pushState({}, '', address(name));
  const now = document.activeElement;
  if (how && how.focus !== false && (now === document.body || (now === before && !(inField(now) && now.value)))) $('incident-title')?.focus();
  if (below) document.querySelector('.log')?.scrollTo(0, 1e9);
  listed();
  return { name: standing().name, behind: 'behind' in standing() };
}
function report() {
  $('incident').replaceChildren($('new-form').content.cloneNode(true));
  const form = $('incident').querySelector('form');
  form.elements.command.value = newId(); fill(form, drafts.get('new')); incident.close(); form.elements.priority.focus();
}

// In another language the page is made anew: what is being written comes along, but tagged words stay in memory only.
const untagged = () => [...drafts].filter(([, fields]) => !fields.tag), typing = () => ({ typed: $('typed').value, reporting: !!document.querySelector('#incident .new') });
function keep() { sessionStorage.setItem(KEPT, JSON.stringify({ writing: untagged(), ...typing() })); for (const [name] of untagged()) drafts.delete(name); }

// --- What is sent.
const desk = { person: page.person, watch: page.watch, mode: page.mode, query, csrf: page.csrf, renew };
async function renew() {
  const answer = await fetch('/v1/session', { headers: own }).catch(() => null), found = answer?.ok ? await answer.json() : {};
  if (found.person && found.person !== page.person) put($('alert'), say.other_person);
  const renewed = found.person === page.person && (away || found.csrf !== desk.csrf);
  if (renewed) desk.csrf = found.csrf; return renewed;
}
const ABOUT = ['entry', 'step', 'assignment'];
function told(record, answer, elsewhere) {
  if (elsewhere && !$(`o-${record.id}`)) return;
  const line = $(`o-${record.id}`) || Object.assign(document.createElement('li'), { id: `o-${record.id}` }), sentence = answer?.sentence || '';
  line.className = record.state;
  put(line, `${clock.format(hubNow())} ${record.label} – ${say[record.state]}${sentence && `: ${sentence}`}${answer?.beside ? ` – ${answer.beside}` : ''}`);
  $('outbox').prepend(line); for (const old of all('li.sent', $('outbox')).slice(8)) old.remove();
  const form = all('form[data-send]').find(one => new URL(one.action).pathname === record.path && one.dataset.send === record.act && ABOUT.every(name => !record.fields[name] || one.elements[name]?.value === record.fields[name]));
  if (sentence && form && !fieldsOf(form).text) fill(form, record.fields);
  if (sentence) { put($('echo'), `${say.refused}: ${sentence}`); if (form) fault(form, $('echo').textContent); }
  const idle = !inField(document.activeElement) || !document.activeElement.value;
  if (!elsewhere && record.state === 'sent' && record.act === 'new' && (idle || !incident.name)) open(answer.ref, { after: answer.receipt, focus: idle });
}
// What was refused is said at the field as well, until the field is changed.
function fault(form, sentence) {
  unfault(form); form.inert = false;
  const field = form.querySelector('textarea, [name=headline]') || form.lastElementChild, said = Object.assign(document.createElement('p'), { className: 'fault', id: `fault-${form.elements.command.value}`, textContent: sentence });
  for (const [name, value] of [['aria-invalid', 'true'], ['aria-describedby', said.id]]) field.setAttribute(name, value);
  (field.closest('label') || field).after(said);
}
function unfault(form) { for (const one of all('.fault, [aria-invalid]', form)) if (one.matches('.fault')) one.remove(); else ['aria-invalid', 'aria-describedby'].forEach(name => one.removeAttribute(name)); }
function ended() { away = true; put($('alert'), say.ended, false); $('signin').hidden = false; }
const outbox = new Outbox(desk, told, ended);
document.addEventListener('input', ({ target }) => { const form = target.closest('form[data-draft]'); if (form) { drafts.set(form.dataset.draft, fieldsOf(form)); unfault(form); } });
document.addEventListener('submit', event => {
  const form = event.target, act = { line: run, signin: signIn }[form.id];
  if (form.id === 'language') keep();
  if (!act && !form.dataset.send) return;
  event.preventDefault(); if (act) { act(); return; }
  const fields = fieldsOf(form), said = fields.headline || fields.text;
  outbox.put(form.dataset.send, new URL(form.action).pathname, fields, [say[form.dataset.send], incident.name, said && `«${said}»`].filter(Boolean).join(' '), form.elements.command.value, 'secret' in form.dataset);
  drafts.delete(form.dataset.draft); unfault(form); form.inert = form.dataset.send === 'tick'; form.reset(); form.elements.command.value = newId();
});

// --- Acts: the same whether a key, a button or the command line asks for them.
const chosen = () => document.activeElement.closest('li.row') || rows.find(incident.name);
function acknowledge(name) {
  const row = name ? rows.find(name) : [chosen(), ...all('.waits', rows.list)].find(one => one?.matches('.waits'));
  if (!row && !name) { put($('echo'), say.nothing_to_acknowledge); return; }
  const wanted = name || row.dataset.name, label = `${say.ack} · ${row ? row.querySelector('.said').textContent : wanted}`, chain = row?.dataset.chain;
  put($('echo'), label); outbox.put('ack', `/incidents/${wanted}/ack`, chain ? { chain } : {}, label);
}
function find(said) {
  const wanted = said.toUpperCase() || incident.name, number = /^\d{1,6}$/.test(said) ? `-${said.padStart(4, '0')}` : ' ';
  const row = [...rows.list.children].find(({ dataset }) => dataset.name === wanted || dataset.number === wanted || dataset.number.endsWith(number));
  return row ? { name: row.dataset.name, label: `${row.dataset.number || row.dataset.name} ${row.querySelector('.said').textContent.trim()}` } : null;
}
$('typed').addEventListener('input', () => {
  const said = parse($('typed').value, words, find);
  put($('echo'), !said ? '' : said.error ? `${say.not_understood}: ${said.error}` : `${say.understood}: ${said.echo}`);
  $('echo').className = said?.error ? 'wrong' : '';
});
function run() {
  const said = parse($('typed').value, words, find);
  if (!said || said.error) return;
  const { act, name, fields, echo } = said;
  const path = { new: '/incidents', log: `/incidents/${name}/entries`, state: `/incidents/${name}/state`, take: '/duty/take', release: '/duty/release' }[act];
  put($('echo'), echo); $('typed').value = '';
  if (path) outbox.put(act, path, fields, echo);
  else ({ open: () => { $('typed').blur(); open(name); }, find: () => rows.filter(fields.words), ack: () => acknowledge(name), duty: acts.duty, help: acts.help })[act]();
}
const acts = {
  line: () => $('typed').select(), ack: () => acknowledge(), save: () => document.activeElement.closest('form')?.requestSubmit(),
  down: () => rows.move(1), up: () => rows.move(-1), pagedown: () => rows.move(10), pageup: () => rows.move(-10),
  newest: () => { rows.settle(); rows.move(-1e9); rows.list.scrollTop = 0; },
  back: () => {
    if (document.activeElement === $('typed')) { $('typed').value = ''; put($('echo'), ''); }
    if (rows.words) rows.filter('');
    const row = rows.find(incident.name) || rows.list.querySelector('a[tabindex="0"]')?.closest('li') || rows.list.firstElementChild;
    if (row) rows.focus(row); else $('typed').blur();
  },
  help: () => $('help').showModal(), duty: () => $('duty').focus(), new: report, log: () => $('log-text')?.focus(), state: () => $('state-choice')?.focus(), steps: () => document.querySelector('.todo form:not([inert]) :is(button, .ds-input)')?.focus(),
  place: () => { const place = $('place'); if (place) { place.open = true; place.querySelector('input:not([type=hidden])').focus(); } },
  correct: () => { const mine = all('.correct[data-mine]').pop(); if (mine) { mine.open = true; mine.querySelector('textarea').focus(); } },
};
$('singles').checked = localStorage.getItem('samvirke-singles') !== 'off';
$('singles').addEventListener('change', ({ target }) => localStorage.setItem('samvirke-singles', target.checked ? 'on' : 'off'));
// True if the key does something where the focus is; then it has been done.
function pressed(key, ctrlKey, target) {
  const press = (ctrlKey ? 'Control+' : '') + key, [, act, where] = words.keys.find(([known]) => known === press) || [], field = inField(target);
  if (!acts[act] || (where === 'single' ? field || !$('singles').checked : where === 'list' && (field || target.closest('.one, .side, .top')))) return false;
  acts[act](); return true;
}
const acting = ({ key }) => words.keys.find(([known]) => known === key)?.[1];
const awaits = press => early.length ? press.key.length === 1 || press.ctrlKey : ['log', 'state', 'correct', 'steps', 'place'].includes(acting(press)) && $('singles').checked;
document.addEventListener('keydown', event => {
  const { key, ctrlKey, target } = event, helping = $('help').open;
  if (event.isComposing || event.altKey || event.metaKey || (helping && key !== 'Escape')) return;
  if (key === 'Escape') early = [];
  if (helping) { $('help').close(); if ($('help').contains(document.activeElement)) document.activeElement.blur(); }
  else if (incident.opening && !inField(target) && awaits(event)) early.push({ key, ctrlKey });
  else if (!pressed(key, ctrlKey, target)) return;
  event.preventDefault();
});
document.addEventListener('click', event => {
  acts[event.target.closest('[data-act]')?.dataset.act]?.();
  const row = event.ctrlKey || event.shiftKey || event.metaKey ? null : event.target.closest('li.row');
  if (row) { event.preventDefault(); open(row.dataset.name); }
});
window.addEventListener('popstate', () => { const [, , name] = location.pathname.split('/'); if (name) open(name, { push: false }); else location.reload(); });
window.addEventListener('beforeunload', event => { if (outbox.memory.length || [...drafts.values()].some(one => one.text || one.headline)) event.preventDefault(); });

// --- The link to the hub: what comes, and that it comes.
function linked(tick) {
  lost = !tick && performance.now() - heard > 2500;
  if (tick?.now) [base, speed, at] = [tick.now, tick.speed, performance.now()];
  const unsent = outbox.waiting().length + Number(page.waiting || 0), why = tick?.reasons?.join(', ');
  if (lost !== document.body.classList.contains('lost') && !away) put($('alert'), say.lost.replace('{time}', clock.format(hubNow())), !lost);
  document.body.classList.toggle('lost', lost);
  if (lost || tick?.now) { put($('state'), lost ? say.no_link : why ? `${say.degraded} (${why})` : say.normal); $('state').className = lost || why ? 'abnormal' : ''; }
  if (tick?.now) { page.waiting = tick.waiting; put($('latency'), `NATS ${tick.latency} ms`); }
  put($('waiting'), `${say.unsent}: ${unsent}`); $('waiting').className = unsent ? 'abnormal' : '';
}
setInterval(() => { if (performance.now() - heard > 2500) linked(); else if (!away) outbox.drain(); }, 250);
function deliver(event, data) {
  if (event === 'stale') { refill(); return; }
  if (event === 'ended') { ended(); return; }
  const was = lost;
  heard = performance.now();
  linked(event === 'tick' ? data : {});
  if (event === 'tick') return;
  const { total, by, waiting } = data.counts, fresh = event === 'all' ? rows.all(data.rows, data.names, total) || [] : rows.take(data.rows, data.gone, total);
  put($('total'), String(total));
  all('#counts [data-count]').forEach((one, place) => { put(one, String(by[place])); one.parentElement.classList.toggle('zero', !by[place]); one.parentElement.classList.toggle('waits', !!waiting[place]); });
  listed();
  const first = fresh.find(row => row.matches('.critical.waits'));
  if (first) put($('p1'), first.textContent.replace(/\s+/g, ' '));
  if (data.all) htmx.trigger(document.body, 'duty');
  for (const [name, receipt] of Object.entries(data.log || {})) incident.changed(name, receipt);
  if (event === 'all' && (was || fragment(data.rows).querySelector(`[data-name="${CSS.escape(incident.name)}"]`))) incident.changed(incident.name, '');
}
const stream = new Stream(`samvirke-${page.mode}-${page.watch}`, page.place, place => '/stream' + asked({ after: place }), deliver);
function back() {
  away = false; $('link').value = ''; $('alert').hidden = $('signin').hidden = true; stream.again(); outbox.drain();
}
async function signIn() {
  const answer = await fetch(`/sign-in/${encodeURIComponent($('link').value.trim().split('/').pop())}`, { method: 'POST', redirect: 'manual' }).catch(() => null);
  if (answer?.type !== 'opaqueredirect') put($('alert'), say.bad_link); else if (await renew()) back();
}
setInterval(async () => { if (away && await renew()) back(); }, 3000);
sessionStorage.removeItem(KEPT); if (kept.reporting) report(); else draft(); rows.settle();
if (kept.typed) { $('typed').value = kept.typed; $('typed').dispatchEvent(new Event('input')); }
