// ---- gallery: the images in pages --------------------------------------------------------------------

const PAGE = 60;
const gallery = { page: 0, outlines: true, value: '' };

/** Show the outlines of masks, or the pictures alone. */
function showOutlines(wanted) {
  document.body.classList.toggle('no-outlines', !wanted);
  const box = document.getElementById('outlines');
  if (box) box.checked = wanted;
}

/** A card of one image, which opens it. */
function card(row, value) {
  const failures = data.failuresOf.get(row);
  const odd = allOutliers().get(row);
  let words = value ? `${value.key} ${withUnit(value, value.values[row])}` : '';
  if (data.empty.has(row)) words = 'measured nothing';
  if (data.states[row] !== 'done') words = failures ? `${failures[0].error}: ${failures[0].message}` : 'left out: a step before failed';
  const badge = data.states[row] === 'failed' ? make('span', { class: 'badge' }, 'failed')
    : odd && make('span', { class: 'badge odd', title: `${odd.column.key}: ${oddWords(odd.column, row)}` }, isBehind(odd.column, row) ? 'falls behind' : 'outlier');
  const lack = lackWords(row) && make('span', { class: 'badge few', title: 'It was made of fewer images than the others' }, lackWords(row));
  return make('button', { type: 'button', class: `shot ${data.states[row] === 'done' ? '' : 'failed'}`, 'data-row': row, onclick: () => openPicture(row) },
    make('span', { class: 'frame' }, smallPicture(row), badge, lack),
    make('span', { class: 'words' },
      make('span', { class: 'id', title: data.ids[row] }, data.ids[row]),
      make('span', { class: 'value', title: words }, words || '\u00a0')));
}

/** How far an outlier lies off, in words. */
function oddWords(column, row) {
  const z = outliers(column).get(row);
  const far = `${number.format(Number(Math.abs(z).toPrecision(2)))} deviations ${z > 0 ? 'above' : 'below'} what is usual`;
  return isBehind(column, row) ? `falls behind: ${far}; so is 1 in 40 good ones at the last date` : far;
}

function makeGallery(view) {
  const grid = make('div', { class: 'gallery', id: 'gallery' });
  const pages = make('nav', { class: 'pages', 'aria-label': 'Pages of images' });
  const outlines = make('input', { type: 'checkbox', id: 'outlines', checked: !document.body.classList.contains('no-outlines') });
  outlines.addEventListener('change', () => showOutlines(outlines.checked));
  const value = make('select', {}, ...ofKind('measurement').concat(ofKind('term'), ofKind('run')).map((column) => option(column.key, column.key)));
  keepChoice(value, 'images.show', () => { gallery.value = value.value; draw(); });
  gallery.value = value.value;
  const channels = channelNames();
  const channel = make('select', {}, ...channels.map((name) => option(name, name)));
  keepChoice(channel, 'channel.shown', () => { for (const name of made.keys()) stale.add(name); drawView(current); });
  const hasOutlines = data.ids.some((_, row) => pictureOf(row)[1]);
  view.append(make('div', { class: 'controls' },
    hasOutlines && make('label', {}, outlines, 'Outlines of masks'),
    channels.length > 0 && make('label', {}, 'Channel ', channel),
    value.options.length > 0 && make('label', {}, 'Show ', value)), grid, pages);

  const draw = () => {
    const count = Math.max(1, Math.ceil(visible.length / PAGE));
    gallery.page = Math.min(gallery.page, count - 1);
    const column = columns.get(state.sort) ?? columns.get(gallery.value);
    const rows = visible.slice(gallery.page * PAGE, (gallery.page + 1) * PAGE);
    grid.replaceChildren(...rows.map((row) => card(row, column)));
    if (!rows.length) grid.replaceChildren(make('p', { class: 'empty' }, `No ${data.noun} is like that. Reset the filters to see all.`));
    pages.replaceChildren(...(count > 1 ? pager(count, draw) : []));
  };
  grid.addEventListener('keydown', (event) => moveInGrid(event, grid));
  listeners.push(() => { gallery.page = 0; });
  return draw;
}

function pager(count, draw) {
  const go = (page) => { gallery.page = Math.max(0, Math.min(count - 1, page)); draw(); window.scrollTo({ top: 0 }); };
  const input = make('input', { type: 'number', min: 1, max: count, value: gallery.page + 1, 'aria-label': 'Page' });
  input.addEventListener('change', () => go(Number(input.value) - 1));
  return [
    make('button', { type: 'button', class: 'plain', disabled: gallery.page === 0, onclick: () => go(gallery.page - 1) }, '← Previous'),
    input, make('span', { class: 'quiet' }, `of ${whole.format(count)}`),
    make('button', { type: 'button', class: 'plain', disabled: gallery.page === count - 1, onclick: () => go(gallery.page + 1) }, 'Next →'),
  ];
}

/** Arrow keys move from card to card. */
function moveInGrid(event, grid) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow(grid), ArrowUp: -perRow(grid) };
  const cards = [...grid.querySelectorAll('.shot')];
  const next = cards[cards.indexOf(document.activeElement) + (steps[event.key] ?? NaN)];
  if (next) { event.preventDefault(); next.focus(); }
}

const perRow = (grid) => getComputedStyle(grid).gridTemplateColumns.split(' ').length;

addView('images', makeGallery);
