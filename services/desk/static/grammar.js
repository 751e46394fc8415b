// The command line, taken apart: the one place of its grammar. Pure; the words it knows come from the server.
// parse(text, words, find) -> null (nothing typed), {error} or {act, name, fields, echo}.
// words: {verbs, priorities, states, types: code -> aliases; words: code -> word; say: code -> sentence}
// find(said): what an incident is called by, {name, label}, or null.

const SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const NUMBER = /^(\d{1,6}|[\w-]{1,64}-\d{4}-\d{1,9})$/;
const IN_INCIDENT = new Set(['ack', 'log', 'state', 'close']);

export function parse(text, words, find) {
  const [first = '', ...rest] = text.trim().split(/\s+/);
  if (!first) return null;
  const say = words.say;
  if ((NUMBER.test(first) || isRef(first)) && !Object.values(words.verbs).flat().includes(first.toLowerCase())) {
    const one = find(first) || { name: first.toUpperCase(), label: first.toUpperCase() };
    return { act: 'open', name: one.name, fields: {}, echo: `${say.open} ${one.label}` };
  }
  const verb = match(first, words.verbs);
  if (!verb) return { error: `${first}: ${say.unknown_verb}` };
  if (Array.isArray(verb)) return { error: `${first} ${say.ambiguous}: ${verb.map(code => words.verbs[code][0]).join(', ')}` };
  if (verb === 'later') return { error: `${first}: ${say.not_yet}` };
  if (verb === 'new') return opening(rest, words);
  if (IN_INCIDENT.has(verb)) return within(verb, rest, words, find);
  if (verb === 'find') return rest.length
    ? { act: 'find', fields: { words: rest.join(' ') }, echo: `${say.find} «${rest.join(' ')}»` }
    : { act: 'find', fields: { words: '' }, echo: say.find };
  const fields = verb === 'take' || verb === 'release' ? { post: rest[0] || 'duty' } : {};
  return { act: verb, fields, echo: [say[verb], ...(fields.post ? [fields.post] : [])].join(' · ') };
}

// ny [p1] [brann] <sted>: <tekst>; without a colon all of it is the headline.
function opening(rest, words) {
  const fields = { priority: 'normal', type: 'other' };
  const parts = [...rest];
  for (const [name, table, least] of [['priority', words.priorities, 2], ['type', words.types, 3]]) {
    const found = parts.length && parts[0].length >= least ? match(parts[0].replace(/:$/, ''), table) : null;
    if (Array.isArray(found)) return { error: `${parts[0]} ${words.say.ambiguous}: ${found.map(code => words.words[code]).join(', ')}` };
    if (found) {
      fields[name] = found;
      if (!parts[0].endsWith(':')) parts.shift();
      else parts[0] = ':';
    }
  }
  const said = parts.join(' ');
  const at = said.search(/:(\s|$)/);
  const place = at > 0 ? said.slice(0, at).trim() : '';
  const text = (at >= 0 ? said.slice(at + 1) : said).trim();
  if (!text) return { error: words.say.no_text };
  fields.headline = text.slice(0, 300);
  if (text.length > 300) fields.text = text;
  if (place) fields.place = place;
  const echo = [words.say.new, short(fields.priority), words.words[fields.type], place, `«${fields.headline}»`];
  return { act: 'new', fields, echo: echo.filter(Boolean).join(' · ') };
}

// kvitt 413 · logg 413 <tekst> · status 413 pågår [utfall] · lukk 413[:] <utfall>
function within(verb, rest, words, find) {
  const say = words.say;
  const said = (rest[0] || '').replace(/:$/, '');
  const one = said ? find(said) || (isRef(said) || /-\d{4}-/.test(said) ? { name: said.toUpperCase(), label: said.toUpperCase() } : null) : find('');
  if (!one) return { error: say.no_ref };
  const text = rest.slice(1).join(' ').trim();
  const done = (fields, ...more) => ({ act: verb === 'close' ? 'state' : verb, name: one.name, fields, echo: [say[verb], one.label, ...more].filter(Boolean).join(' · ') });
  if (verb === 'ack') return done({});
  if (verb === 'log') return text ? done({ text }, `«${text}»`) : { error: say.no_text };
  if (verb === 'close') return done({ state: 'closed', text }, text && `«${text}»`);
  const state = rest[1] ? match(rest[1], words.states) : null;
  if (!state || Array.isArray(state)) return { error: say.no_state };
  const outcome = rest.slice(2).join(' ').trim();
  return done({ state, text: outcome }, words.words[state], outcome && `«${outcome}»`);
}

// The code that a word stands for: an alias, or the beginning of aliases of one code only; several codes if of more.
function match(said, table) {
  const wanted = said.toLowerCase();
  const exact = Object.keys(table).find(code => table[code].includes(wanted));
  if (exact) return exact;
  const found = Object.keys(table).filter(code => table[code].some(alias => alias.startsWith(wanted)));
  return found.length > 1 ? found : found[0] || null;
}

// A reference: six of Crockford's signs and one that proves them (schemas/identifiers.py).
function isRef(said) {
  const places = [...said.toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1')].map(sign => SIGNS.indexOf(sign));
  return places.length === 7 && !places.includes(-1) && places.slice(0, 6).reduce((sum, place) => (sum * 32 + place) % 37, 0) === places[6];
}

const short = priority => ({ critical: 'P1', high: 'P2', normal: 'P3', info: 'info' })[priority];
