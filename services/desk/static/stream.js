// One stream for all tabs of a browser, since it opens six connections to a host at most: the tab that holds the lock
// listens, and hands on to the others what it hears. When it goes, another takes the lock, from where it was itself.
export class Stream {
  // address(place): where to listen from; deliver(event, data): what came, also 'stale' when something may be missing
  constructor(name, place, address, deliver) {
    Object.assign(this, { place, address, deliver, source: null, leading: false });
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => (data.again ? this.open() : this.take(data));
    const lead = () => new Promise(() => { this.leading = true; this.open(); });
    if (navigator.locks) navigator.locks.request(name, lead);
    else lead();
    setTimeout(() => { if (!this.leading) deliver('stale'); }, 300);
  }

  open() {
    if (!this.leading) return;
    this.source?.close();
    const source = this.source = new EventSource(this.address(this.place));
    for (const event of ['all', 'rows', 'tick', 'ended']) {
      source.addEventListener(event, ({ data, lastEventId }) => {
        const message = { event, data: JSON.parse(data), place: lastEventId };
        this.channel.postMessage(message); this.take(message);
      });
    }
    source.onerror = () => {
      if (source === this.source && source.readyState === EventSource.CLOSED) setTimeout(() => this.open(), 700 + Math.random() * 600);
    };
  }

  take({ event, data, place }) {
    this.place = place || this.place;
    if (event === 'ended') { this.source?.close(); this.source = null; }
    this.deliver(event, data);
  }

  again() { if (this.leading) this.open(); else this.channel.postMessage({ again: true }); }
}
