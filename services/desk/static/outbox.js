// What is sent: kept in the browser until the desk has answered, then sent once, in order, under the id that it was born
// with. What is tagged stays in memory only: such words must not lie on this machine's disk.

const STORE = 'samvirke-outbox';
const FORM = 'application/x-www-form-urlencoded';

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let now = Date.now();
  for (let at = 5; at >= 0; at--) { bytes[at] = now % 256; now = Math.floor(now / 256); }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export class Outbox {
  // desk: {person, watch, mode, query, csrf}; told(record): its state has changed; ended(): the session has ended
  constructor(desk, told, ended) {
    Object.assign(this, { desk, told, ended, memory: [], busy: false });
    for (const record of this.waiting()) told(record);
  }

  mine = record => record.person === this.desk.person && record.watch === this.desk.watch && record.mode === this.desk.mode;

  stored() {
    try { return JSON.parse(localStorage.getItem(STORE)) || []; } catch { return []; }
  }

  waiting() { return [...this.stored(), ...this.memory].filter(this.mine); }

  // Two tabs may change the store at once, so one record is put in or taken out of what lies there now.
  change(record, keep) {
    const others = this.stored().filter(one => one.id !== record.id);
    this.memory = this.memory.filter(one => one.id !== record.id);
    if (keep && record.fields.tag) this.memory.push(record);
    try { localStorage.setItem(STORE, JSON.stringify(keep && !record.fields.tag ? [...others, record] : others)); }
    catch { if (keep) this.memory.push(record); }
  }

  put(act, path, fields, label, id = newId()) {
    const { person, watch, mode } = this.desk;
    if (this.waiting().some(one => one.id === id)) return;
    const record = { act, id, path, fields, label, person, watch, mode, state: 'sending' };
    this.change(record, true);
    this.told(record);
    this.drain();
  }

  async drain() {
    if (this.busy) return;
    this.busy = true;
    const work = async () => {
      for (const record of this.waiting()) if (!await this.send(record)) return;
    };
    try { await (navigator.locks ? navigator.locks.request(STORE, work) : work()); }
    finally { this.busy = false; }
  }

  async send(record, again = true) {
    let answer, found;
    try {
      answer = await fetch(record.path + this.desk.query, {
        method: 'POST', redirect: 'error', signal: AbortSignal.timeout(15000),
        headers: { Accept: 'application/json', 'Content-Type': FORM, 'X-Samvirke-Watch': record.watch },
        body: new URLSearchParams({ ...record.fields, id: record.id, csrf: this.desk.csrf }).toString(),
      });
      found = await answer.json();
    } catch { return this.settle(record, 'unsent', null, true); }
    if (answer.status === 401) { this.settle(record, 'unsent', null, true); this.ended(); return false; }
    if (answer.status >= 500 || !found.status) return this.settle(record, 'unsent', null, true);
    if (found.status === 'refused' && found.code === 'NOT_ALLOWED' && again && await this.desk.renew()) return this.send(record, false);
    return this.settle(record, found.status === 'accepted' ? 'sent' : found.status, found, false);
  }

  settle(record, state, answer, keep) {
    Object.assign(record, { state });
    if (!keep) this.change(record, false);
    this.told(record, answer);
    return !keep;
  }
}
