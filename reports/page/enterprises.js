// The enterprises of the point that is shown: searched, filtered, sorted, a hundred a page.
const folded = (text) => text.normalize('NFKC').toLowerCase();

class EnterpriseTable {
  constructor(host, index) {
    this.index = index;
    this.search = made('input', { type: 'search', id: 'search', autocomplete: 'off', spellcheck: 'false' });
    this.decision = made('select', { id: 'decision' });
    this.grade = made('select', { id: 'grade' });
    this.count = made('output', { class: 'count', for: 'search decision grade' });
    this.note = made('p', { class: 'quiet' });
    const labelled = (text, control) => made('p', {}, made('label', { for: control.id }, text), control);
    host.append(
      made('div', { class: 'filters controls' }, labelled('Search id, name, grade, decision or reason', this.search), labelled('Decision', this.decision),
        labelled('Grade', this.grade)),
      this.count,
      this.note,
    );
    this.table = new Table(host, { caption: `Enterprises; amounts in ${index.money}`, size: 100 });
    let waiting;
    this.search.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.filter(), 80);
    });
    for (const select of [this.decision, this.grade]) select.addEventListener('change', () => this.filter());
  }

  show({ detail, rows, money, reasons, book }) {
    const { digits } = this.index;
    if (!detail || !rows || !book) {
      this.note.textContent = 'The enterprises of this point are not in this page, so that it stays small.';
      this.columns = null;
      this.table.show([], []);
      this.count.textContent = '';
      return;
    }
    const text = (title, values, wide) => ({ title, kind: 'text', values, wide });
    const amount = (title, name, values) => ({ title, kind: 'number', digits: digits[name], values });
    this.columns = {
      enterprise: text('Enterprise', book.enterprise),
      name: book.name && text('Name', book.name),
      grade: text('Grade', spelled(book.grade)),
      decision: text('Decision', spelled(rows.decision)),
      rate: { title: 'Rate', kind: 'rate', values: spelled(rows.rate) },
      line: amount('Line', 'line', rows.line),
      revenue: money && amount('Revenue', 'revenue', money.revenue),
      risk: money && amount('Expected loss', 'risk', money.risk),
      reason: reasons && text('Reason', spelled(reasons), true),
    };
    const searched = ['enterprise', 'name', 'grade', 'decision', 'reason'].map((name) => this.columns[name]).filter(Boolean);
    this.texts = book.enterprise.map((_, row) => folded(searched.map((column) => column.values[row]).join('\n')));
    this.choices(this.decision, 'All decisions', this.columns.decision.values);
    this.choices(this.grade, 'All grades', this.columns.grade.values);
    const missing = [money ? '' : 'revenue, expected loss', reasons ? '' : 'reason'].filter(Boolean).join(' and ');
    const left = book.all - this.texts.length;
    this.note.replaceChildren(
      left ? `${counted(left, 'enterprise')} more, of the smallest lines or none, in ${document.body.dataset.allocations}. ` : '',
      missing ? `The ${missing} of each is told by ` : '',
      missing ? made('code', {}, detail.explain) : '',
    );
    this.table.show(Object.values(this.columns).filter(Boolean), this.matching());
    this.say();
  }

  // A filter's choices with how many there are of each; the one that was chosen stays.
  choices(select, all, values) {
    const numbers = new Map();
    for (const value of values) numbers.set(value, (numbers.get(value) || 0) + 1);
    const was = select.value;
    const option = ([value, number]) => made('option', { value: `=${value}` }, `${value || '(none)'} (${fixed(number, 0)})`);
    const sorted = [...numbers].sort(([one], [other]) => collator.compare(one, other));
    select.replaceChildren(made('option', { value: '' }, `${all} (${fixed(values.length, 0)})`), ...sorted.map(option));
    select.value = [...select.options].some(({ value }) => value === was) ? was : '';
  }

  matching() {
    const words = folded(this.search.value).split(/\s+/).filter(Boolean);
    const { decision, grade } = this.columns;
    const passes = (select, column, row) => !select.value || `=${column.values[row]}` === select.value;
    return this.texts.map((_, row) => row).filter((row) => words.every((word) => this.texts[row].includes(word))
      && passes(this.decision, decision, row) && passes(this.grade, grade, row));
  }

  filter() {
    if (!this.columns) return;
    this.table.filter(this.matching());
    this.say();
  }

  say() {
    const [found, all] = [this.table.rows.length, this.texts.length];
    this.count.textContent = found === all ? counted(all, 'enterprise') : `${fixed(found, 0)} of ${counted(all, 'enterprise')}`;
  }
}
