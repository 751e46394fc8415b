// The list: rows lie in the order that the server gives them, and none moves while the cursor or the focus is among them.
export class Rows {
  // list: the element; most: how many rows it holds; parse(html): a fragment; changed(): to be called when rows have moved
  constructor(list, most, parse, changed) {
    Object.assign(this, { list, most, parse, changed, coming: new Map(), total: list.children.length, words: '' });
    for (const event of ['focusout', 'pointerleave']) list.addEventListener(event, () => setTimeout(() => this.held || this.settle()));
  }

  get held() { return this.list.contains(document.activeElement) || this.list.matches(':hover'); }
  get missing() { return this.list.children.length + this.coming.size < Math.min(this.most, this.total); }

  find(name) { return this.list.querySelector(`[data-name="${CSS.escape(name)}"]`); }

  // All that stands: rows that are not among the names are gone, the others stay as they are unless told anew.
  all(html, names, total) {
    const wanted = new Set(names), here = [...this.coming.keys(), ...[...this.list.children].map(row => row.dataset.name)];
    this.take(html, here.filter(name => !wanted.has(name)), total);
  }

  // Changed rows in, removed ones out. Gives the rows that were not there before.
  take(html, gone, total) {
    this.total = total;
    const fresh = [];
    for (const row of this.parse(html).querySelectorAll('li.row')) {
      const old = this.find(row.dataset.name);
      if (old) this.change(old, row);
      else if (this.coming.set(row.dataset.name, row)) fresh.push(row);
    }
    for (const name of gone) if (!this.coming.delete(name)) this.find(name)?.classList.add('gone');
    if (!this.held) this.settle();
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
    const rows = [...this.list.children, ...this.coming.values()].sort((one, other) => (one.dataset.order < other.dataset.order ? -1 : 1));
    this.coming.clear(); rows.splice(this.most).forEach(row => row.remove());
    let at = this.list.firstElementChild;
    for (const row of rows) if (row === at) at = at.nextElementSibling; else this.list.insertBefore(row, at);
    if (!this.list.querySelector('a[tabindex="0"]')) this.list.querySelector('a')?.setAttribute('tabindex', '0');
    this.filter(this.words);
  }

  filter(words) {
    this.words = words.toLowerCase();
    const before = this.filtered;
    this.filtered = this.words !== '';
    if (before || this.filtered) for (const row of this.list.children) row.hidden = !row.textContent.toLowerCase().includes(this.words);
    this.changed();
  }

  focus(row) {
    for (const link of this.list.querySelectorAll('a[tabindex="0"]')) link.tabIndex = -1;
    Object.assign(row.querySelector('a'), { tabIndex: 0 }).focus();
  }

  move(steps) {
    const rows = [...this.list.children].filter(row => !row.hidden), at = rows.findIndex(row => row.contains(document.activeElement));
    if (rows.length) this.focus(rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + steps))]);
  }
}
