// A table of columns: sorted by any of them, a page at a time, its rows to be chosen where somebody listens.
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const isNumber = (column) => column.kind !== 'text';
const isBlank = (value) => value === null || value === '' || value === undefined;

// Blanks come last whatever the direction; equals stay in the order in which they were given.
function compare(column, direction) {
  const order = isNumber(column) ? (one, other) => one - other : collator.compare;
  return (row, another) => {
    const [one, other] = [column.values[row], column.values[another]];
    if (isBlank(one) || isBlank(other)) return isBlank(one) - isBlank(other) || row - another;
    return direction * order(one, other) || row - another;
  };
}

class Table {
  // options: caption; size, rows a page (0: all); onChoose(row) and nameOf(row) where rows can be chosen; why(row), the
  // reason for which a row cannot be, or null.
  constructor(host, options) {
    this.options = { size: 0, ...options };
    this.sorted = { at: null, direction: 1 };
    this.page = 0;
    this.rows = [];
    this.chosen = null;
    this.isWhole = false;
    this.head = made('tr');
    this.body = made('tbody');
    this.caption = made('caption', {}, options.caption);
    this.box = made('div', { class: 'scroll' }, made('table', {}, this.caption, made('thead', {}, this.head), this.body));
    host.append(this.box);
    if (this.options.size) host.append((this.pager = this.makePager()));
    this.body.addEventListener('click', (event) => {
      const row = event.target.closest('tr');
      if (row && this.options.onChoose && row.dataset.row !== undefined) this.options.onChoose(Number(row.dataset.row));
    });
  }

  makePager() {
    const step = (title, go) => {
      const button = made('button', { type: 'button' }, title);
      button.addEventListener('click', () => {
        if (button.getAttribute('aria-disabled') === 'true') return;
        this.page = go();
        this.draw();
        this.box.scrollIntoView({ block: 'nearest' });
      });
      return button;
    };
    this.place = made('span', { class: 'place', role: 'status' });
    this.back = [step('First', () => 0), step('Previous', () => this.page - 1)];
    this.on = [step('Next', () => this.page + 1), step('Last', () => this.last())];
    return made('div', { class: 'pager controls' }, ...this.back, this.place, ...this.on);
  }

  last() {
    return Math.max(Math.ceil(this.rows.length / (this.options.size || 1)) - 1, 0);
  }

  // Columns: title, kind, values, and digits of a number; wide where it holds sentences.
  show(columns, rows) {
    const titles = columns.map((column) => column.title).join('\n');
    const sortedBy = this.sorted.at === null ? null : this.columns[this.sorted.at].title;
    this.columns = columns;
    if (titles !== this.titles) {
      this.titles = titles;
      this.head.replaceChildren(...columns.map((column, at) => this.header(column, at)));
      const at = columns.findIndex((column) => column.title === sortedBy);
      this.sorted.at = at < 0 ? null : at;
    }
    this.filter(rows);
  }

  header(column, at) {
    // A key such as objective.revenue_weight may be broken where its parts meet.
    const parts = column.title.split(/(?<=[._])/).flatMap((part) => [part, made('wbr')]).slice(0, -1);
    const button = made('button', { type: 'button' }, ...parts, made('span', { class: 'arrow', 'aria-hidden': 'true' }));
    button.addEventListener('click', () => {
      // Of numbers the largest are looked for first, of texts the first.
      const first = isNumber(column) ? -1 : 1;
      const direction = this.sorted.at === at ? -this.sorted.direction : first;
      this.sorted = { at, direction };
      this.filter(this.rows);
    });
    return made('th', { scope: 'col', class: this.kindOf(column) }, button);
  }

  kindOf(column) {
    if (isNumber(column)) return 'number';
    column.isShort ??= column.values.every((value) => value.length <= 16);
    return column.wide ? 'text wide' : column.isShort ? 'text short' : 'text';
  }

  filter(rows) {
    const { at, direction } = this.sorted;
    this.rows = [...rows].sort(at === null ? (one, other) => one - other : compare(this.columns[at], direction));
    this.page = 0;
    this.draw();
  }

  // For print: all rows, and back to a page of them.
  whole(isWhole) {
    if (this.isWhole !== isWhole) {
      this.isWhole = isWhole;
      this.draw();
    }
  }

  choose(row) {
    this.chosen = row;
    for (const line of this.body.children) this.mark(line);
  }

  mark(line) {
    if (Number(line.dataset.row) === this.chosen) line.setAttribute('aria-current', 'true');
    else line.removeAttribute('aria-current');
  }

  draw() {
    const { size } = this.options;
    this.page = Math.min(Math.max(this.page, 0), this.last());
    const from = this.page * size;
    const here = size && !this.isWhole ? this.rows.slice(from, from + size) : this.rows;
    this.body.replaceChildren(...here.map((row) => this.line(row)));
    [...this.head.children].forEach((cell, at) => {
      if (at !== this.sorted.at) cell.removeAttribute('aria-sort');
      else cell.setAttribute('aria-sort', this.sorted.direction > 0 ? 'ascending' : 'descending');
    });
    keepInReach(this.box);
    if (!size) return;
    this.pager.hidden = this.last() === 0;
    const to = Math.min(from + size, this.rows.length);
    this.place.textContent = this.rows.length
      ? `${fixed(from + 1, 0)} to ${fixed(to, 0)} of ${fixed(this.rows.length, 0)}` : 'No row';
    this.back.forEach((button) => button.setAttribute('aria-disabled', this.page === 0));
    this.on.forEach((button) => button.setAttribute('aria-disabled', this.page === this.last()));
  }

  line(row) {
    const { why } = this.options;
    const reason = why ? why(row) : null;
    // In place of the figures that a row has not stands why.
    const own = reason === null ? this.columns : this.columns.filter((column) => !column.figure);
    const cells = own.map((column, at) => this.cell(column, row, at === 0, reason === null));
    if (reason !== null) cells.push(made('td', { colspan: this.columns.length - own.length, class: 'text wide' }, told(reason)));
    const line = made('tr', { 'data-row': row, class: reason !== null ? 'off' : this.options.onChoose ? 'open' : null }, ...cells);
    this.mark(line);
    return line;
  }

  cell(column, row, isFirst, isOpen) {
    const { onChoose, nameOf } = this.options;
    const value = shown[column.kind](column.values[row], column);
    const text = column.kind === 'text' ? told(value) : value;
    const attributes = { class: this.kindOf(column), scope: isFirst ? 'row' : null };
    if (!isFirst || !onChoose || !isOpen) return made(isFirst ? 'th' : 'td', attributes, text);
    return made('th', attributes, made('button', { type: 'button', 'aria-label': `Show ${nameOf(row)}` }, text));
  }
}
