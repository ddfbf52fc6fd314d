// ---- the page as a whole -----------------------------------------------------------------------------

/** By name, in the order of the tabs: title, what makes it, whether filters hold for it, whether it is offered, whether a package adds it. */
const VIEWS = {};

/** Take the views that the page has; one of a package that cannot be shown says why. */
function takeViews() {
  for (const { name, title, filtered, data: given, added, error } of data.views) {
    const maker = makers.get(name);
    const make_ = added ? (view) => tryView(view, title, error, maker, given) : (view) => maker.make(view, given);
    const isOffered = !added ? maker.isOffered : error || !maker ? () => true : () => attempt(maker.isOffered, true);
    VIEWS[name] = [title, make_, filtered, isOffered, added];
  }
}

function tryView(view, title, error, maker, given) {
  const refuse = (why) => { view.replaceChildren(make('p', { class: 'empty' }, `${title} cannot be shown: ${why}`)); return () => {}; };
  if (error || !maker) return refuse(error || 'its program did not begin; the browser’s console says why');
  try {
    const draw = maker.make(view, given) ?? (() => {});
    return () => { try { draw(); } catch (problem) { console.error(problem); refuse(problem.message); } };
  } catch (problem) { console.error(problem); return refuse(problem.message); }
}

function attempt(ask, otherwise) {
  try { return ask(); } catch (problem) { console.error(problem); return otherwise; }
}

const made = new Map();
const stale = new Set();
let current = null;

function showView(name, focus = true) {
  if (!VIEWS[name] || document.getElementById(`tab-${name}`)?.hidden !== false) name = 'overview';
  current = name;
  for (const view of document.querySelectorAll('.view')) view.hidden = view.id !== `view-${name}`;
  for (const tab of document.querySelectorAll('.views button')) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute('aria-selected', chosen);
    tab.tabIndex = chosen ? 0 : -1;
  }
  document.getElementById('filters').hidden = !VIEWS[name][2];
  drawView(name);
  writeAddress();
  if (focus) window.scrollTo({ top: 0 });
}

function drawView(name) {
  if (!made.has(name)) {
    made.set(name, VIEWS[name][1](document.getElementById(`view-${name}`)));
    stale.add(name);
  }
  if (stale.delete(name)) made.get(name)();
}

function makeTabs() {
  const tabs = document.querySelector('.views');
  const failed = data.failures.length;
  for (const [name, [text]] of Object.entries(VIEWS)) {
    if (name === 'failures' && !failed) continue;
    const count = name === 'failures' ? make('span', { class: 'count bad' }, whole.format(failed)) : name === 'images' ? make('span', { class: 'count', id: 'count' }, whole.format(data.ids.length)) : null;
    tabs.append(make('button', { type: 'button', role: 'tab', hidden: !offered(name), id: `tab-${name}`, 'aria-controls': `view-${name}`, onclick: () => showView(name) }, text, count && ' ', count));
    const view = document.getElementById(`view-${name}`);
    view.setAttribute('role', 'tabpanel');
    view.setAttribute('aria-labelledby', `tab-${name}`);
  }
  tabs.addEventListener('keydown', (event) => {
    const all = [...tabs.children].filter((tab) => !tab.hidden);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
}

/** Whether there is something to see in a view, at this level. */
const offered = (name) => VIEWS[name][3]();

/** Have a view made anew when it is shown next. */
function forget(name) {
  const view = document.getElementById(`view-${name}`);
  for (const [element, drawn] of charts) if (view.contains(element)) { drawn.dispose(); charts.delete(element); }
  view.replaceChildren();
  made.delete(name);
  stale.delete(name);
}

/** The switch that says what a point is, where there is more than one answer. */
function makeLevels() {
  const select = document.getElementById('level');
  select.append(...data.levels.map((level, place) => option(place, `${level.name} (${whole.format(level.ids.length)})`)));
  select.value = data.level;
  select.addEventListener('change', () => useLevel(Number(select.value)));
  select.parentElement.hidden = data.levels.length < 2;
}

/** Let a point be something else: counts, filters and all views begin anew. */
function useLevel(place) {
  takeLevel(place);
  document.getElementById('level').value = place;
  document.getElementById('count').textContent = whole.format(data.ids.length);
  for (const name of [...made.keys()]) forget(name);
  for (const name of Object.keys(VIEWS)) {
    const tab = document.getElementById(`tab-${name}`);
    if (tab) tab.hidden = !offered(name);
  }
  growing.subject = null;
  Object.assign(state, { sort: '', descending: false });
  sayDirection();
  fillFilters(document.getElementById('add-filter'), document.getElementById('sort'));
  resetFilters();
  if (current) showView(current, false);
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** Draw again what has colours of its own. */
function repaint() {
  charts.forEach((drawn, element) => { if (!element.isConnected) { drawn.dispose(); charts.delete(element); } });
  for (const name of made.keys()) if (['overview', 'plots', 'growth', 'plates', 'quality'].includes(name) || VIEWS[name][4]) stale.add(name);
  drawView(current);
}

async function main() {
  document.getElementById('theme').addEventListener('click', () => {
    document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
    try { localStorage.setItem('pixmake-theme', document.documentElement.dataset.theme); } catch { /* no storage for files */ }
    repaint();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
  await readData();
  takeViews();
  makeTabs();
  makeLevels();
  makeFilters();
  makePictureDialog();
  listeners.push(() => {
    if (reading) return;
    for (const [name, [, , filtered]] of Object.entries(VIEWS)) if (filtered && made.has(name)) stale.add(name);
    if (current && VIEWS[current][2]) drawView(current);
  });
  document.querySelector('main > .loading').remove();
  document.getElementById('main').removeAttribute('aria-busy');
  readAddress();
  window.addEventListener('hashchange', readAddress);
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || document.getElementById('picture').open) return;
    event.preventDefault();
    if (!VIEWS[current][2]) showView('images');
    document.getElementById('search').focus();
  });
  document.getElementById('print').addEventListener('click', printPage);
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'p' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    printPage();
  });
  window.addEventListener('beforeprint', toPaper);
  window.addEventListener('afterprint', fromPaper);
  performance.mark('pixmake-ready');
}

main().catch((error) => {
  const place = document.querySelector('main > .loading') ?? document.getElementById('main');
  place.textContent = `The page cannot be shown: ${error.message}. A browser of 2023 or later is needed.`;
  throw error;
});
