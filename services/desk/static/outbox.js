// What is sent: kept in the browser until the desk has answered, then sent once, in order, under the id that it was born
// with. What is tagged or secret stays in memory only: such words must not lie on this machine's disk.
const STORE = 'samvirke-outbox';

export function newId() {
  const now = Date.now().toString(16).padStart(12, '0'), chance = crypto.getRandomValues(new Uint8Array(10));
  chance[0] = (chance[0] & 0x0f) | 0x70; chance[2] = (chance[2] & 0x3f) | 0x80;
  const hex = now + [...chance].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}

export class Outbox {
  // desk: {person, watch, mode, query, csrf, renew()}; told(record, answer, elsewhere): its state has changed; ended(): sign in again
  constructor(desk, told, ended) {
    Object.assign(this, { desk, told, ended, memory: [], busy: false, tabs: new BroadcastChannel(STORE) });
    this.tabs.onmessage = ({ data }) => told(...data, true);
    for (const record of this.waiting()) told(record);
  }

  stored() { try { return JSON.parse(localStorage.getItem(STORE)) || []; } catch { return []; } }

  waiting() {
    const { person, watch, mode } = this.desk;
    return [...this.stored(), ...this.memory].filter(one => one.person === person && one.watch === watch && one.mode === mode);
  }

  // Two tabs may change the store at once, so one record is put in or taken out of what lies there now.
  change(record, keep) {
    const others = this.stored().filter(one => one.id !== record.id);
    this.memory = this.memory.filter(one => one.id !== record.id);
    if (keep && record.secret) this.memory.push(record);
    try { localStorage.setItem(STORE, JSON.stringify(keep && !record.secret ? [...others, record] : others)); }
    catch { if (keep) this.memory.push(record); }
  }

  put(act, path, fields, label, id = newId(), secret = false) {
    if (this.waiting().some(one => one.id === id)) return;
    const { person, watch, mode } = this.desk, record = { act, id, path, fields, label, person, watch, mode, state: 'sending', secret: secret || !!fields.tag };
    this.change(record, true); this.told(record); this.drain();
  }

  async drain() {
    if (this.busy) return;
    this.busy = true;
    const work = async () => { for (const record of this.waiting()) if (!await this.send(record)) return; };
    try { await (navigator.locks ? navigator.locks.request(STORE, work) : work()); } finally { this.busy = false; }
  }

  async send(record, again = true) {
    const body = new URLSearchParams({ ...record.fields, command: record.id, csrf: this.desk.csrf }), headers = { Accept: 'application/json', 'X-Samvirke-Watch': record.watch };
    const asked = { method: 'POST', redirect: 'error', signal: AbortSignal.timeout(15000), headers, body }, answer = await fetch(record.path + this.desk.query, asked).catch(() => null);
    const found = answer && await answer.json().catch(() => null);
    if (answer?.status === 401) this.ended();
    if (!found?.status || answer.status === 401 || answer.status >= 500) return this.settle(record, 'unsent', null, true);
    if (found.code === 'NOT_ALLOWED' && again && await this.desk.renew()) return this.send(record, false);
    return this.settle(record, found.status === 'accepted' ? 'sent' : found.status, found, false);
  }

  settle(record, state, answer, keep) {
    record.state = state; this.change(record, keep); this.told(record, answer); this.tabs.postMessage([record, answer]);
    return !keep;
  }
}
