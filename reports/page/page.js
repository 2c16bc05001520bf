// The page: which point is shown, and all that follows from it.

function fail(message) {
  const fault = byId('fault');
  fault.textContent = message;
  fault.hidden = false;
}

const say = (text) => { byId('said').textContent = text; };
const hash = (at) => `#point=${at + 1}`;

function pointOf(index, text) {
  const found = /^#point=(\d+)$/.exec(text);
  const at = found ? Number(found[1]) - 1 : null;
  return at !== null && at >= 0 && at < index.labels.length ? at : null;
}

class Report {
  constructor(index, heads, places) {
    Object.assign(this, { index, heads, places });
    this.shownAt = null;
    this.many = index.labels.length > 1;
    this.choose = (at) => this.go(at);
    this.nameOf = (at) => `point ${at + 1}${index.labels[at] ? `, ${index.labels[at]}` : ''}`;
    this.book = new EnterpriseTable(byId('enterprises'), index);
    this.drawings = [...document.querySelectorAll('figure.drawing')]
      .map((figure) => new Drawing(figure, places[figure.dataset.name]));
    this.layers = this.drawings.map((drawing) => new Layer(drawing));
    this.charts = this.many ? this.drawings.flatMap((drawing) => this.choosable(drawing)) : [];
    if (this.many) this.listPoints();
  }

  withPlan() {
    return this.index.labels.map((_, at) => at).filter((at) => this.index.has[at]);
  }

  choosable(drawing) {
    const { index } = this;
    const across = { frontier: ['risk', 'revenue'], objective: ['swept', 'objective'] };
    return Object.entries(across).filter(([panel]) => drawing.panels[panel]).map(([panel, [x, y]]) => {
      const points = this.withPlan().filter((at) => index[x][at] !== null && index[y][at] !== null)
        .map((at) => ({ at, x: index[x][at], y: index[y][at], series: index.series[at], isKnee: index.knee.includes(at) }));
      points.sort((one, other) => one.x - other.x || one.y - other.y || one.at - other.at);
      const options = { label: 'Points, left to right', nameOf: (at) => this.said(at), choose: this.choose, colours: index.colours };
      return new ChoosablePoints(drawing, panel, points, options);
    });
  }

  said(at) {
    const { index } = this;
    const knee = index.knee.includes(at) ? ', the knee' : '';
    return `${this.nameOf(at)}${knee}: revenue ${shown.brief(index.revenue[at])}, expected loss ${shown.brief(index.risk[at])}`;
  }

  listPoints() {
    const { index } = this;
    const numbers = { title: 'Point', kind: 'exact', values: index.labels.map((_, at) => at + 1) };
    this.points = new Table(byId('points-table'), {
      caption: `The points; amounts in ${index.money}`,
      onChoose: (at) => { if (index.has[at]) this.choose(at); },
      nameOf: this.nameOf,
      why: (at) => (index.has[at] ? null : index.errors[at] || 'no plan'),
      size: 500,
    });
    this.points.show([numbers, ...index.columns], index.labels.map((_, at) => at));
    byId('chosen').hidden = false;
    const beside = (step) => () => {
      const all = this.withPlan();
      const next = all[all.indexOf(this.shownAt) + step];
      if (next !== undefined) this.choose(next);
    };
    byId('previous').addEventListener('click', beside(-1));
    byId('next').addEventListener('click', beside(1));
  }

  // A point that is chosen is told to the address, which tells it back: so the browser's own buttons work, too.
  go(at) {
    if (location.hash === hash(at)) this.show(at);
    else location.hash = hash(at);
  }

  fromAddress() {
    const at = pointOf(this.index, location.hash);
    byId('no-plan').hidden = true;
    if (at === null) {
      if (this.shownAt === null || !location.hash) this.show(this.index.opened);
    } else if (this.index.has[at]) this.show(at);
    else {
      if (this.shownAt === null) this.show(this.index.opened);
      const why = `There is no plan at ${this.nameOf(at)}: ${this.index.errors[at] || 'no reason is told'}`;
      byId('no-plan').replaceChildren(told(why));
      byId('no-plan').hidden = false;
      say(why);
    }
  }

  async show(at) {
    if (at === this.shownAt) return;
    const isFirst = this.shownAt === null;
    this.shownAt = at;
    const parts = ['detail', 'rows', 'money', 'reasons'].map((name) => block(`${name}-${at}`));
    const [detail, rows, money, reasons] = await Promise.all(parts);
    const book = detail && (await block(`book-${detail.book}`));
    if (at !== this.shownAt) return; // another was chosen meanwhile
    this.place('headline', this.heads[at]);
    for (const id of ['grades-table', 'churn-table', 'limits-table', 'certificate-words']) {
      this.place(id, detail && detail.html[id]);
    }
    this.drawings.forEach((drawing, place) => this.layers[place].show(this.marks(drawing, at, detail)));
    this.charts.forEach((chart) => chart.show(at));
    this.book.show({ detail, rows, money, reasons, book });
    if (this.many) this.tell(at);
    keepAllInReach();
    if (!isFirst) say(`Shown: ${this.said(at)}`);
    document.documentElement.dataset.shown = at + 1;
  }

  place(id, html) {
    // The page's own templates made these parts and escaped every text in them.
    const missing = '<p class="quiet">Not in this page, so that it stays small: <code>optimize report</code> with <code>--point</code> '
      + `makes one that has it.</p>`;
    byId(id).innerHTML = html || missing;
  }

  tell(at) {
    byId('chosen-label').replaceChildren(`Point ${at + 1} of ${this.index.labels.length}`);
    if (this.index.labels[at]) byId('chosen-label').append(' · ', told(this.index.labels[at]));
    if (this.index.knee.includes(at)) byId('chosen-label').append(' (knee)');
    const all = this.withPlan();
    byId('previous').setAttribute('aria-disabled', at === all[0]);
    byId('next').setAttribute('aria-disabled', at === all[all.length - 1]);
    this.points.choose(at);
  }

  marks(drawing, at, detail) {
    const { index } = this;
    const { panels } = drawing;
    const rings = [['frontier', index.risk[at], index.revenue[at]], ['objective', index.swept[at], index.objective[at]],
      ['price', index.swept[at], index.price[at]]];
    const marks = rings.filter(([panel, x, y]) => panels[panel] && this.many && x !== null && y !== null)
      .map(([panel, x, y]) => ring(drawing, panel, x, y));
    if (detail && (panels.line || panels.rate)) marks.push(...gradeMarks(drawing, detail.grades));
    if (detail && panels.churn) marks.push(...churnMarks(drawing, detail.chosen, index));
    return marks;
  }
}

async function open() {
  const [index, heads] = await Promise.all([block('index'), block('heads')]);
  if (!index) return fail('This page has no data to choose from; what is shown is the plan that it was opened with.');
  const report = new Report(index, heads, JSON.parse(byId('places').textContent));
  document.documentElement.classList.add('ready');
  addEventListener('hashchange', () => report.fromAddress());
  addEventListener('resize', keepAllInReach);
  const printing = matchMedia('print');
  const whole = (isWhole) => { report.book.table.whole(isWhole); if (report.points) report.points.whole(isWhole); };
  addEventListener('beforeprint', () => whole(true));
  addEventListener('afterprint', () => whole(printing.matches));
  printing.addEventListener('change', () => whole(printing.matches));
  return report.fromAddress();
}

if (typeof DecompressionStream === 'undefined') {
  fail('This browser cannot unpack the data of this page (it has no DecompressionStream): use one of 2023 or later. '
    + 'The figures below are those of the plan that the page was opened with; its enterprises are in '
    + `${document.body.dataset.allocations}.`);
} else {
  open().catch((error) => fail(`The data of this page cannot be read: ${error.message}`));
}
