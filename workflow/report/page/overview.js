// ---- overview, failures, run -------------------------------------------------------------------------

const FAILURES_A_PAGE = 40;

/** Failures that the overview begins with. */
const FAILURES_FIRST = 6;

function makeOverview(view) {
  const failed = data.states.filter((each) => each === 'failed').length;
  if (data.failures.length) view.append(failuresCard(FAILURES_FIRST, true));
  view.append(tiles(failed), ...suspiciousCard(6));
  const measured = measurements();
  const [axis] = timeAxes();
  const [group] = groupings();
  const rows = data.ids.map((_, row) => row);
  const later = [];
  if (measured.length) {
    const pair = make('div', { class: 'columns' });
    view.append(pair);
    const panel = (heading, note, parent) => {
      const element = make('div', { class: 'chart' });
      const all = make('button', { type: 'button', class: 'link', onclick: () => showView(axis && hasGrowth() && /over time/.test(heading) ? 'growth' : hasPlates() && /by position/.test(heading) ? 'plates' : 'plots') }, 'more');
      parent.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, heading), make('p', {}, note), make('span', { class: 'grow' }), plotTools(element, heading), all), element));
      return element;
    };
    if (axis) {
      const element = panel(`${measured[0].key} over time`, group ? `by ${group.key}; a point is one ${data.noun}, lines are medians` : '', pair);
      later.push(() => drawPoints(element, axis, measured[0], group, rows, true));
    }
    const where = positions();
    if (where) {
      const element = panel(`${measured[0].key} by position`, `median by ${where.keys.join(' and ')}${where.plate ? ` of all ${distinct(where.plate).length} plates together` : ''}`, pair);
      later.push(() => drawPlate(element, measured[0], rows, where));
    } else {
      // dates are never pooled: a box of all of them would show growth, not a difference
      const last = lastDate(measured[0]);
      const element = panel(`${measured[0].key} by ${group?.key ?? data.noun}`, `median, quartiles, whiskers${last === null ? '' : `, on ${dateWords(last)}`}`, pair);
      later.push(() => drawBoxes(element, measured[0], group, last === null ? rows : rows.filter((row) => data.design.steps[row] === last)));
    }
  }
  view.append(...data.parts.map(part));
  view.append(...(allOutliers().size ? oddStrip() : imageStrip()));
  if (measured.length > 1) {
    const grid = make('div', { class: 'columns small' });
    for (const column of measured.slice(0, 12)) {
      const element = make('div', { class: 'chart low' });
      grid.append(make('div', {}, make('h3', {}, title(column)), element));
      later.push(() => drawDistribution(element, column, group, rows, true));
    }
    view.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'Distributions'), make('p', { class: 'on-screen' }, `a click on a bar shows its ${data.nouns}`)), grid));
  }
  return () => { for (const draw of later) draw(); };
}

/** The last date at which something was measured; none where there is no time axis. */
function lastDate(column) {
  let last = null;
  data.design.steps.forEach((step, row) => { if (step !== null && column.values[row] !== null && (last === null || step > last)) last = step; });
  return last;
}

function tiles(failed) {
  const done = data.states.filter((each) => each === 'done').length;
  const seconds = data.steps.reduce((sum, step) => sum + step.all_seconds, 0);
  const odd = allOutliers().size;
  const lacks = Object.keys(data.lacking).length;
  const tile = (value, words, kind, onclick) => make(onclick ? 'button' : 'div', { class: `tile ${kind ?? ''}`, type: onclick ? 'button' : null, onclick }, make('b', {}, value), make('span', {}, words));
  return evenly(make('div', { class: 'tiles' },
    ...designTiles(tile),
    tile(whole.format(data.ids.length), data.nouns),
    tile(whole.format(done), 'done', '', () => showOnly({}, 'done')),
    tile(whole.format(failed), 'failed', failed ? 'bad' : '', failed ? () => showOnly({}, 'failed') : null),
    data.empty.size ? tile(whole.format(data.empty.size), 'measured nothing', 'warn', () => showOnly({}, 'empty')) : null,
    lacks ? tile(whole.format(lacks), lacks === 1 ? 'lacks images' : 'lack images', 'warn', () => showOnly({}, 'lacking')) : null,
    tile(judged() ? whole.format(odd) : '–', judged() ? 'outliers' : 'outliers: too little to judge', odd ? 'warn' : '', odd ? () => showOnly({}, 'outliers') : null),
    measurementsTile(tile),
    assayTile(tile),
    tile(duration(seconds), 'of computing'),
    data.facts.started && tile(data.facts.started.slice(0, 10), `begun at ${data.facts.started.slice(11, 16)} UTC`, 'long')));
}

const TILE = 150;
const TILES_ON_PAPER = 5;

/** Rows of tiles as long as each other, where one row is too short: none is left alone in the last one. */
function evenly(tiles) {
  const across = (most) => Math.ceil(tiles.childElementCount / Math.ceil(tiles.childElementCount / most));
  tiles.style.setProperty('--on-paper', across(TILES_ON_PAPER));
  new ResizeObserver(() => {
    const gap = parseFloat(getComputedStyle(tiles).columnGap) || 0;
    if (tiles.clientWidth) tiles.style.setProperty('--across', across(Math.max(1, Math.floor((tiles.clientWidth + gap) / (TILE + gap)))));
  }).observe(tiles);
  return tiles;
}

function measurementsTile(tile) {
  const count = ofKind('measurement').length + Object.keys(data.several).length + data.left_out;
  return tile(whole.format(count), count === 1 ? 'measurement' : 'measurements');
}

/** Whether the plates tell their controls apart: the measurement that does so best, by the worst of the plates. */
function assayTile(tile) {
  let best = null;
  for (const [key, lines] of Object.entries(data.plates.quality)) {
    const found = lines.map((line) => line.z_prime).filter((value) => value !== null);
    if (found.length && (!best || Math.min(...found) > best.worst)) best = { key, worst: Math.min(...found), plates: found.length };
  }
  if (!best) return null;
  const show = () => { viewChoices.set('plates.measurement', best.key); forget('plates'); showView('plates'); };
  return tile(number.format(Number(best.worst.toPrecision(2))), `Z′ of ${best.key}${best.plates > 1 ? `, of ${best.plates} plates the least` : ''}`, best.worst < 0.5 ? 'warn' : '', show);
}

/** The experiment as one speaks of it: 12 plants, 5 dates, 3 genotypes × 2 treatments. */
function designTiles(tile) {
  const { subject, subjects, steps, factors, time } = data.design;
  const count = (values) => new Set(values.filter((value) => value !== null)).size;
  const plural = (word, n) => (n === 1 || word.endsWith('s') ? word : /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`);
  const named = (key) => (key === 'plantbarcode' ? 'plant' : key.replaceAll('_', ' '));
  const found = [];
  const individuals = count(subjects);
  if (subject.length && !(data.terms.length && data.terms.at(-1) === subject[0] && individuals === data.ids.length)) found.push(tile(whole.format(individuals), plural(named(subject[0]), individuals)));
  if (time) { const dates = count(steps); found.push(tile(whole.format(dates), dates === 1 ? 'date' : 'dates')); }
  if (factors.length) {
    const counted = factors.map((key) => distinct(columns.get(key)).length);
    found.push(tile(counted.join(' × '), factors.map((key, index) => plural(named(key), counted[index])).join(' × ')));
  }
  return found;
}

/** Whether there was enough of any measurement to say what is usual. */
const judged = () => measurements().some((column) => data.outliers[column.key]?.judged);

/** The strip of those that lie farthest from the others. */
function oddStrip() {
  const odd = [...allOutliers()].sort(([, a], [, b]) => Math.abs(b.z) - Math.abs(a.z)).slice(0, 12);
  if (!odd.length) return [];
  return [make('section', { class: 'card' },
    make('header', {}, make('h2', {}, 'Worth a look'), make('p', {}, `farthest from what is usual: ${outlierBasis(odd[0][1].column)}`), make('span', { class: 'grow' }),
      make('button', { type: 'button', class: 'link', onclick: () => showOnly({}, 'outliers') }, 'all outliers')),
    make('div', { class: 'strip' }, ...odd.map(([row, { column }]) => card(row, column))))];
}

/** Some of the points, from all over the table. */
function imageStrip() {
  const count = Math.min(10, data.ids.length);
  const rows = Array.from({ length: count }, (_, index) => Math.floor((index * data.ids.length) / count));
  return [make('section', { class: 'card' },
    make('header', {}, make('h2', {}, 'Pictures'), make('span', { class: 'grow' }), make('button', { type: 'button', class: 'link', onclick: () => showView('images') }, `all ${data.nouns}`)),
    make('div', { class: 'strip' }, ...rows.map((row) => card(row, ofKind('measurement')[0]))))];
}

/** What a function of the project made: a figure, or the first rows of a table. */
function part(given) {
  const heading = given.value ? `${given.name}: ${given.value}` : given.name;
  const header = make('header', {}, make('h2', {}, heading), make('p', {}, given.about), make('span', { class: 'grow' }), given.path && make('a', { href: encoded(given.path) }, given.path));
  let body = make('a', { href: encoded(given.path) }, given.path);
  if (given.kind === 'figure') body = make('img', { src: given.url, alt: heading });
  if (given.kind === 'frame') body = make('iframe', { src: encoded(given.path), title: heading, loading: 'lazy', sandbox: 'allow-scripts' });
  if (given.kind === 'table') {
    const [head, ...lines] = given.rows;
    const numeric = (head ?? []).map((_, index) => lines.every((line) => line[index] === '' || Number.isFinite(Number(line[index]))));
    const row = (cells, tag) => make('tr', {}, ...cells.map((cell, index) => make(tag, { class: numeric[index] ? 'number' : null, scope: tag === 'th' ? 'col' : null }, tag === 'td' && numeric[index] && cell !== '' && !Number.isInteger(Number(cell)) ? number.format(Number(cell)) : cell)));
    body = make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': heading },
      make('table', { class: 'plain-table' }, make('thead', {}, row(head ?? [], 'th')), make('tbody', {}, ...lines.map((line) => row(line, 'td')))),
      given.more && make('p', { class: 'quiet' }, 'More rows are in the file.'));
  }
  return make('section', { class: 'card part' }, header, body);
}

/** The failures, the most frequent reason first said. */
function failuresCard(most, onOverview) {
  const list = make('div', { class: 'fails' });
  const card_ = make('section', { class: 'card bad', 'aria-labelledby': onOverview ? 'failed-first' : 'failed-all' });
  const errors = new Map();
  for (const failure of data.failures) errors.set(failure.error, (errors.get(failure.error) ?? 0) + 1);
  const counted = [...errors].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([error, count]) => `${whole.format(count)} × ${error}`).join(', ');
  const failed = data.failures.length;
  const choice = make('select', { 'aria-label': 'Reason' }, option('', 'all reasons'), ...[...errors.keys()].map((error) => option(error, error)));
  let page = 0;
  const draw = () => {
    const some = data.failures.filter((failure) => !choice.value || failure.error === choice.value);
    const shownNow = onOverview ? some.slice(0, most) : some.slice(page * most, (page + 1) * most);
    list.replaceChildren(...shownNow.map(failureRow));
    const count = Math.ceil(some.length / most);
    if (count > 1) list.append(make('p', { class: 'quiet paper-only' }, `These are ${onOverview ? '' : `${whole.format(page * most + 1)} to `}${whole.format(page * most + shownNow.length)} of ${whole.format(some.length)} failures.`));
    if (onOverview && some.length > most) list.append(make('p', {}, make('button', { type: 'button', class: 'plain', onclick: () => showView('failures') }, `All ${whole.format(some.length)} failures`)));
    if (!onOverview && count > 1) {
      const turn = (step) => { page = Math.max(0, Math.min(count - 1, page + step)); draw(); window.scrollTo({ top: 0 }); };
      list.append(make('nav', { class: 'pages', 'aria-label': 'Pages of failures' },
        make('button', { type: 'button', class: 'plain', disabled: page === 0, onclick: () => turn(-1) }, '← Previous'),
        make('span', { class: 'quiet' }, `${page + 1} of ${count}`),
        make('button', { type: 'button', class: 'plain', disabled: page === count - 1, onclick: () => turn(1) }, 'Next →')));
    }
  };
  choice.addEventListener('change', () => { page = 0; draw(); });
  card_.append(make('header', {}, make('h2', { id: onOverview ? 'failed-first' : 'failed-all' }, failedWords()), make('p', {}, `${counted}. The next run tries ${failed === 1 ? 'it' : 'them'} again.`), make('span', { class: 'grow' }), !onOverview && errors.size > 1 && choice), list);
  draw();
  return card_;
}

function failedWords() {
  const groups = data.failures.filter((failure) => failure.row < 0).length;
  const levels = data.levels.map((level) => [level, level.states.filter((each) => each === 'failed').length]).filter(([, count]) => count);
  return [...levels.map(([level, count]) => `${whole.format(count)} ${count === 1 ? level.noun : level.nouns}`), groups && `${whole.format(groups)} ${groups === 1 ? 'group' : 'groups'}`].filter(Boolean).join(' and ') + ' failed';
}

function failureRow(failure) {
  return make('article', { class: 'fail' },
    failure.row < 0 ? make('span', { class: 'frame' }, make('span', { class: 'none' }, 'several images'))
      : make('button', { type: 'button', class: 'frame', 'data-row': failure.row, 'aria-label': `Open ${failure.id}`, onclick: () => openFailure(failure) }, smallPicture(failure.row, failure.level)),
    make('div', {}, make('h3', {}, failure.row < 0 ? failure.id : make('button', { type: 'button', class: 'link', onclick: () => openFailure(failure) }, failure.id), make('span', { class: 'quiet' }, `step ${failure.step}`)), ...reason(failure, false)));
}

/** A failure's picture, at the level that it belongs to. */
function openFailure(failure) {
  if (failure.level !== data.level) useLevel(failure.level);
  openPicture(failure.row);
}

function makeFailures(view) {
  view.append(data.failures.length ? failuresCard(FAILURES_A_PAGE, false) : make('p', { class: 'empty' }, 'Nothing failed.'));
  return () => {};
}

function makeRun(view) {
  const heads = ['Step', 'What it does', 'Params', 'Done', 'Failed', 'Left out', 'A job (median)', 'All jobs', 'Memory at most'];
  const numbers = [3, 4, 5, 6, 7, 8];
  const row = (tag, cells) => make('tr', {}, ...cells.map((cell, index) => make(tag, { class: numbers.includes(index) ? 'number' : null, scope: tag === 'th' ? 'col' : null, 'data-head': heads[index] }, cell)));
  const steps = make('table', { class: 'plain-table steps' },
    make('thead', {}, row('th', heads)),
    make('tbody', {}, ...data.steps.map((step) => row('td', [
      make('b', {}, step.name), code(doing(step.settings)), code(asText(step.settings.params)), whole.format(step.done), whole.format(step.failed), whole.format(step.left_out),
      step.seconds === null ? '–' : duration(step.seconds), duration(step.all_seconds), step.most_mb === null ? '–' : `${whole.format(Math.round(step.most_mb))} MB`]))));
  const versions = { ...data.project.versions, ...Object.fromEntries(Object.entries(data.facts.versions).map(([name, values]) => [name, values.join(', ')])) };
  const pairs = [
    ['First job begun', inUtc(data.facts.started)], ['Last job begun', inUtc(data.facts.last_started)],
    ['Computers', data.facts.hosts.join(', ')], ...Object.entries(versions), ['Images from', asText(data.project.images)],
  ];
  view.append(
    make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'Steps')), make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Steps' }, steps)),
    make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'When, where, with what')),
      make('table', { class: 'plain-table long-words' }, make('tbody', {}, ...pairs.filter(([, value]) => value).map(([name, value]) => make('tr', {}, make('th', { scope: 'row' }, name), make('td', {}, value)))))),
    make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'Files')), make('ul', {}, ...ownFiles().map((path) => make('li', {}, make('a', { href: encoded(path) }, path))))));
  return () => {};
}

const code = (text) => (text ? make('code', {}, text) : '');

/** When a job began, in words: jobs note that in UTC. */
const inUtc = (time) => time && `${time.replace('T', ' ').slice(0, 19)} UTC`;

/** The tables of the run, and what functions of the project made. */
const ownFiles = () => [...new Set([...data.project.tables, ...data.parts.map((each) => each.path).filter(Boolean)])];

const asText = (value) => (value && Object.keys(value).length ? Object.entries(value).map(([key, each]) => `${key}: ${typeof each === 'object' ? JSON.stringify(each) : each}`).join(', ') : '');

function doing(settings) {
  for (const kind of ['function', 'plantcv', 'script', 'notebook', 'shell']) if (settings[kind]) return `${kind} ${typeof settings[kind] === 'object' ? JSON.stringify(settings[kind]) : settings[kind]}`;
  const [kind] = Object.keys(settings);
  return kind ? `${kind} ${asText({ [kind]: settings[kind] })}` : '';
}

addView('overview', makeOverview);
addView('failures', makeFailures);
addView('run', makeRun);
