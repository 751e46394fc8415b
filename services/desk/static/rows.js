// The list: rows lie in the order that the server gives them, and none moves while the cursor or the focus is among them.

export class Rows {
  // list: the element; most: how many rows it holds; parse(html): a fragment; held(): rows must not move now
  constructor(list, most, parse, held) {
    Object.assign(this, { list, most, parse, held, coming: new Map(), total: list.children.length, words: '' });
  }

  find(name) { return this.list.querySelector(`[data-name="${CSS.escape(name)}"]`); }

  // All that stands: rows that are not among the names are gone, the others stay as they are unless told anew.
  all(html, names, total) {
    const wanted = new Set(names);
    for (const name of [...this.coming.keys()]) if (!wanted.has(name)) this.coming.delete(name);
    this.take(html, [...this.list.children].map(row => row.dataset.name).filter(name => !wanted.has(name)), total);
  }

  // Changed rows in, removed ones out. Gives the rows that were not there before.
  take(html, gone, total) {
    this.total = total;
    const fresh = [];
    for (const row of this.parse(html).querySelectorAll('li.row')) {
      const old = this.find(row.dataset.name);
      if (old) this.change(old, row);
      else { if (!this.coming.has(row.dataset.name)) fresh.push(row); this.coming.set(row.dataset.name, row); }
    }
    for (const name of gone) {
      this.coming.delete(name);
      this.find(name)?.classList.add('gone');
    }
    if (!this.held()) this.settle();
    return fresh;
  }

  change(old, row) {
    const focused = old.contains(document.activeElement);
    if (old.hasAttribute('aria-current')) row.setAttribute('aria-current', 'true');
    old.replaceWith(row);
    if (focused) this.focus(row);
  }

  // Let newcomers in, take out what is gone, put the rows in order and keep as many as fit.
  settle() {
    for (const row of this.list.querySelectorAll('.gone')) row.remove();
    const rows = [...this.list.children, ...this.coming.values()];
    this.coming.clear();
    rows.sort((one, other) => (one.dataset.order < other.dataset.order ? -1 : 1));
    rows.splice(this.most).forEach(row => row.remove());
    let at = this.list.firstElementChild;
    for (const row of rows) {
      if (row === at) at = at.nextElementSibling;
      else this.list.insertBefore(row, at);
    }
    this.filter(this.words);
    const reachable = this.list.querySelector('a[tabindex="0"]');
    if (!reachable) this.list.querySelector('a')?.setAttribute('tabindex', '0');
  }

  get missing() { return this.list.children.length + this.coming.size < Math.min(this.most, this.total); }

  filter(words) {
    this.words = words.toLowerCase();
    for (const row of this.list.children) row.hidden = !!words && !row.textContent.toLowerCase().includes(this.words);
  }

  focus(row) {
    for (const link of this.list.querySelectorAll('a[tabindex="0"]')) link.tabIndex = -1;
    const link = row.querySelector('a');
    link.tabIndex = 0;
    link.focus();
  }

  move(steps) {
    const rows = [...this.list.children].filter(row => !row.hidden);
    const at = rows.findIndex(row => row.contains(document.activeElement));
    const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + steps))];
    if (row) this.focus(row);
  }
}
