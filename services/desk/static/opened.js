// The incident that stands open. One is fetched at a time: what a person opens goes before what only refreshes. A change that
// was heard of is shown: a refresh that fails, or comes from an archive that does not know of it yet, is made again.
const PAUSE_MS = 700, PATIENCE_MS = 20000, BEHIND_MOST = 20;

export class Opened {
  // name: what the page was made with; ask(name, after, signal): an answer, null for none; show(name, html, how): puts it in
  // its place and gives what stands there now, {name, behind}; a refresh has no how
  constructor(name, ask, show) { Object.assign(this, { name, ask, show, news: new Map(), opening: 0, refreshing: false, stop: null }); }

  // Something has come into an incident's log, as the receipt says.
  changed(name, receipt) {
    if (name !== this.name && !this.opening) return;
    this.news.set(name, receipt); this.refresh();
  }

  // False when nothing came; when something else was opened meanwhile, that is no fault.
  async open(name, how) {
    this.opening += 1;
    if (how.after) this.news.set(name, how.after);
    try { return await this.fetch(name, how) !== null; } finally { this.opening -= 1; this.refresh(); }
  }

  close() { this.stop?.abort(); this.stop = null; this.name = ''; this.news.clear(); }

  async refresh() {
    if (this.refreshing) return;
    this.refreshing = true;
    for (let behind = 0; !this.opening && this.news.has(this.name) && behind < BEHIND_MOST;) {
      const knows = await this.fetch(this.name, null);
      if (!knows) await new Promise(done => setTimeout(done, PAUSE_MS));
      behind += knows === false;
    }
    this.refreshing = false;
  }

  // True if all that was heard of is shown, false if some is not, null if nothing came, undefined if it is no longer wanted.
  async fetch(name, how) {
    this.stop?.abort();
    const stop = this.stop = new AbortController(), after = this.news.get(name), late = setTimeout(() => stop.abort(), PATIENCE_MS);
    const answer = await this.ask(name, after, stop.signal), html = await answer?.text().catch(() => null);
    clearTimeout(late);
    if (stop !== this.stop) return undefined;
    if (!html || (!how && answer.status >= 500)) return null;
    const { name: shown, behind } = await this.show(name, html, how);
    if (stop !== this.stop) return undefined;
    this.name = shown;
    for (const [one, receipt] of this.news) if (one !== shown || (receipt === after && !behind)) this.news.delete(one);
    return !this.news.has(shown);
  }
}
