// ---- paper: what is printed ---------------------------------------------------------------------------

/** Pictures of the gallery on paper, and points of a plot that is drawn there line by line and not as a picture. */
const MOST_ON_PAPER = 480;
const MOST_POINTS_ON_PAPER = 4000;

let beforePaper = null;

/** All views one after the other: light, as wide as the paper, plots as drawings that no page cuts. */
function toPaper() {
  if (beforePaper) return;
  const root = document.documentElement;
  beforePaper = { theme: root.dataset.theme, top: window.scrollY };
  root.dataset.theme = 'light';
  document.body.classList.add('paper');
  for (const name of Object.keys(VIEWS)) {
    if (name === 'table' || !document.getElementById(`tab-${name}`) || !offered(name)) continue;
    if (name === 'failures' && data.failures.length <= FAILURES_FIRST) continue;
    const view = document.getElementById(`view-${name}`);
    view.hidden = false;
    stale.add(name);
    drawView(name);
    view.prepend(make('h2', { class: 'on-paper' }, VIEWS[name][0]));
  }
  const rows = visible.slice(0, MOST_ON_PAPER);
  const grid = document.getElementById('gallery');
  const column = columns.get(state.sort) ?? columns.get(gallery.value);
  grid.replaceChildren(...rows.map((row) => card(row, column)));
  if (rows.length < visible.length) grid.after(make('p', { class: 'quiet on-paper' }, `These are ${whole.format(rows.length)} of ${many(visible.length)}; filters choose others.`));
  for (const image of document.querySelectorAll('main img')) image.loading = 'eager';
  for (const [element, drawn] of charts) {
    if (!element.isConnected || !element.clientWidth) continue;
    drawn.resize();
    element.append(make('div', { class: 'on-paper', 'aria-hidden': 'true' }, drawing(element, drawn)));
  }
}

function drawing(element, drawn) {
  const points = drawn.given.series.reduce((sum, each) => sum + each.data.length, 0);
  if (points > MOST_POINTS_ON_PAPER) return make('img', { src: drawn.getDataURL({ pixelRatio: 2, backgroundColor: '#fff' }), alt: '' });
  return new DOMParser().parseFromString(asSvg(element), 'image/svg+xml').documentElement;
}

/** Print once all pictures are there: a browser does not wait for those that were out of sight. */
async function printPage() {
  toPaper();
  await Promise.all([...document.querySelectorAll('main img')].map((image) => image.decode().catch(() => null)));
  window.print();
}

/** The page as it was. */
function fromPaper() {
  if (!beforePaper) return;
  const { theme, top } = beforePaper;
  beforePaper = null;
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  document.body.classList.remove('paper');
  for (const element of document.querySelectorAll('.on-paper')) element.remove();
  for (const name of made.keys()) if (name !== 'table') stale.add(name);
  showView(current, false);
  window.scrollTo({ top });
}
