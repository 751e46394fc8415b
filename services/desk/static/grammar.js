// The command line, taken apart: the one place of its grammar. Pure; the words it knows come from the server.
// parse(text, words, find) -> null (nothing typed), {error} or {act, name, fields, echo}.
// words: {verbs, priorities, states, types: code -> aliases; words: code -> word; say: code -> sentence;
// defaults: type -> priority}
// find(said): what an incident is called by, {name, label}, or null.
const SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ', NUMBER = /^(\d{1,6}|[\w-]{1,64}-\d{4}-\d{1,9})$/, SHORT = { critical: 'P1', high: 'P2', normal: 'P3', info: 'info' };

export function parse(text, words, find) {
  const [first = '', ...rest] = text.trim().split(/\s+/), say = words.say;
  if (!first) return null;
  if ((NUMBER.test(first) || isRef(first)) && !Object.values(words.verbs).flat().includes(first.toLowerCase())) {
    const one = find(first) || itself(first);
    return { act: 'open', name: one.name, fields: {}, echo: `${say.open} ${one.label}` };
  }
  const verb = match(first, words.verbs);
  if (!verb) return { error: `${first}: ${say.unknown_verb}` };
  if (Array.isArray(verb)) return { error: `${first} ${say.ambiguous}: ${verb.map(code => words.verbs[code][0]).join(', ')}` };
  if (verb === 'later') return { error: `${first}: ${say.not_yet}` };
  if (verb === 'new') return opening(rest, words);
  if (['ack', 'log', 'state', 'close'].includes(verb)) return within(verb, rest, words, find);
  const said = rest.join(' ');
  if (verb === 'find') return { act: 'find', fields: { words: said }, echo: `${say.find} «${said}»` };
  const fields = ['take', 'release'].includes(verb) ? { post: rest[0] || 'duty' } : {};
  return { act: verb, fields, echo: [say[verb], fields.post].filter(Boolean).join(' · ') };
}

// ny [p1] [brann] <sted>: <tekst>; without a colon all of it is the headline.
function opening(parts, words) {
  const fields = { type: 'other' };
  for (const [name, table, least] of [['priority', words.priorities, 2], ['type', words.types, 3]]) {
    const [next = ''] = parts, found = next.length >= least ? match(next.replace(/:$/, ''), table) : null;
    if (Array.isArray(found)) return { error: `${next} ${words.say.ambiguous}: ${found.map(code => words.words[code]).join(', ')}` };
    if (!found) continue;
    fields[name] = found;
    parts = next.endsWith(':') ? [':', ...parts.slice(1)] : parts.slice(1);
  }
  const said = parts.join(' '), at = said.search(/:(\s|$)/), place = said.slice(0, Math.max(at, 0)).trim(), text = said.slice(at + 1).trim();
  if (!text) return { error: words.say.no_text };
  Object.assign(fields, { priority: fields.priority ?? words.defaults[fields.type] ?? 'normal', headline: text.slice(0, 300) }, text.length > 300 && { text }, place && { place });
  const echo = [words.say.new, SHORT[fields.priority], words.words[fields.type], place, `«${fields.headline}»`];
  return { act: 'new', fields, echo: echo.filter(Boolean).join(' · ') };
}

// kvitt 413 · logg 413 <tekst> · status 413 pågår [utfall] · lukk 413[:] <utfall>; without a number the opened incident.
function within(verb, [first = '', ...rest], words, find) {
  const say = words.say, said = first.replace(/:$/, ''), one = find(said) || (isRef(said) || /-\d{4}-/.test(said) ? itself(said) : null);
  if (!one) return { error: say.no_ref };
  const text = rest.join(' ').trim(), act = verb === 'close' ? 'state' : verb;
  const done = (fields, ...more) => ({ act, name: one.name, fields, echo: [say[verb], one.label, ...more].filter(Boolean).join(' · ') });
  if (verb === 'ack') return done({});
  if (verb === 'log') return text ? done({ text }, `«${text}»`) : { error: say.no_text };
  if (verb === 'close') return done({ state: 'closed', text }, text && `«${text}»`);
  const state = rest.length ? match(rest[0], words.states) : null, outcome = rest.slice(1).join(' ').trim();
  if (!state || Array.isArray(state)) return { error: say.no_state };
  return done({ state, text: outcome }, words.words[state], outcome && `«${outcome}»`);
}

const itself = said => ({ name: said.toUpperCase(), label: said.toUpperCase() });

// The code that a word stands for: an alias, or the beginning of aliases of one code only; several codes if of more.
function match(said, table) {
  const wanted = said.toLowerCase(), codes = Object.keys(table), found = codes.filter(code => table[code].some(alias => alias.startsWith(wanted)));
  return codes.find(code => table[code].includes(wanted)) || (found.length > 1 ? found : found[0] || null);
}

// A reference: six of Crockford's signs and one that proves them (schemas/identifiers.py).
function isRef(said) {
  const places = [...said.toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1')].map(sign => SIGNS.indexOf(sign));
  return places.length === 7 && !places.includes(-1) && places.slice(0, 6).reduce((sum, place) => (sum * 32 + place) % 37, 0) === places[6];
}
