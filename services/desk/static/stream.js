// One stream for all tabs of a browser, since it opens six connections to a host at most: the tab that holds the lock
// listens, and hands on to the others what it hears. When it goes, another takes the lock, from where it was itself.

const EVENTS = ['all', 'rows', 'tick', 'ended'];

export class Stream {
  // address(place): where to listen from; deliver(event, data): what came, also 'stale' when something may be missing
  constructor(name, place, address, deliver) {
    Object.assign(this, { name, place, address, deliver, source: null, leading: false });
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => this.take(data, false);
    if (!navigator.locks) { this.leading = true; this.open(); return; }
    navigator.locks.request(name, () => new Promise(() => { this.leading = true; this.open(); }));
    setTimeout(() => { if (!this.leading) deliver('stale'); }, 300);
  }

  open() {
    if (!this.leading) return;
    this.source?.close();
    const source = this.source = new EventSource(this.address(this.place));
    for (const event of EVENTS) {
      source.addEventListener(event, message => this.take({ event, data: JSON.parse(message.data), place: message.lastEventId }, true));
    }
    source.onerror = () => {
      if (source !== this.source || source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => this.open(), 700 + Math.random() * 600);
    };
  }

  take(message, first) {
    if (first) this.channel.postMessage(message);
    if (message.again) { this.open(); return; }
    this.place = message.place || this.place;
    if (message.event === 'ended') { this.source?.close(); this.source = null; }
    this.deliver(message.event, message.data);
  }

  again() {
    if (this.leading) this.open();
    else this.channel.postMessage({ again: true });
  }
}
