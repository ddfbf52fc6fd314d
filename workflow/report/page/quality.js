// ---- quality: pictures as a camera left them, and batches that came out unlike the others -------------

const QUALITY_WORDS = { focus: 'focus', brightness: 'brightness', saturated: 'overexposed', dark: 'in the black', warmth: 'warmth (log2 red over blue)' };

/** What a figure is, for who sees it for the first time. */
const QUALITY_MEANS = {
  focus: 'how strong the finest details are: less where a picture is blurred',
  brightness: 'the mean: 0 is black, 1 the most that the file can hold',
  saturated: 'pixels that have the brightest value of their picture',
  dark: 'pixels that have the darkest value of their picture',
  warmth: 'more is redder, less is bluer',
};

/** Whether pictures were looked at, at this level. */
const hasQuality = () => Object.keys(data.quality.values).length > 0;

/** A figure as a column that plots take; a share in percent. */
function qualityColumn(name) {
  const share = data.quality.shares.includes(name);
  const values = share ? data.quality.values[name].map((value) => (value === null ? null : value * 100)) : data.quality.values[name];
  return { key: QUALITY_WORDS[name] ?? name, kind: 'quality', type: 'number', unit: share ? '%' : '', step: '', values };
}

/** Show the pictures of a batch, and no others. */
function showBatch(batch) {
  const { time } = data.quality;
  showOnly(batch.where);
  if (batch.dates && columns.has(time)) {
    addFilter(time);
    const [least, most] = batch.dates;
    Object.assign(state.filters.get(time), { least, most });
    document.querySelector(`#chips [data-key="${CSS.escape(time)}"]`).open = false;
    applyFilters();
  }
}

/** The batches that are suspicious, each with what differs; nothing where none is. */
function suspiciousCard(most) {
  const { batches, basis } = data.quality;
  if (!batches.length) return [];
  const row = (batch) => make('li', {}, make('button', { type: 'button', class: 'link', onclick: () => showBatch(batch) }, batch.name || `all ${data.nouns}`), ` (${many(batch.pictures)}): ${batch.reasons.join('; ')}`);
  const more = batches.length > most;
  return [make('section', { class: 'card suspicious', 'aria-label': 'Suspicious batches' },
    make('header', {}, make('h2', {}, batches.length === 1 ? 'A batch of pictures came out unlike the others' : `${whole.format(batches.length)} batches of pictures came out unlike the others`), make('p', {}, basis),
      make('span', { class: 'grow' }), more && make('button', { type: 'button', class: 'link', onclick: () => showView('quality') }, 'all of them')),
    make('ul', {}, ...batches.slice(0, most).map(row)))];
}

function makeQuality(view) {
  const { batches, basis, pictures, time, view: camera } = data.quality;
  view.append(...suspiciousCard(Infinity));
  if (!batches.length) view.append(make('p', { class: 'quiet' }, /^too little/.test(basis) ? `Whether a batch of pictures came out unlike the others is not known: ${basis}.` : `No batch of pictures came out unlike the others: ${basis}.`));
  if (pictures.length) {
    view.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'Single pictures'), make('p', {}, 'farthest from the others of the same camera, plate and day')),
      make('div', { class: 'strip' }, ...pictures.map(([row, words]) => make('div', { class: 'told' }, card(row), make('p', { class: 'quiet' }, words))))));
  }
  const grid = make('div', { class: 'columns' });
  const axis = columns.get(time);
  const group = columns.get(camera) ?? null;
  const apart = group ?? positions()?.plate ?? null;
  const rows = data.ids.map((_, row) => row);
  const later = Object.keys(data.quality.values).map((name) => {
    const column = qualityColumn(name);
    const element = make('div', { class: 'chart' });
    grid.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, axis ? `${column.key} over time` : column.key), QUALITY_MEANS[name] && make('p', {}, QUALITY_MEANS[name]), make('span', { class: 'grow' }), plotTools(element, `quality: ${name}`)), element));
    return () => (axis ? drawPoints(element, axis, column, group, rows, true) : drawBoxes(element, column, apart, rows));
  });
  view.append(grid);
  return () => { for (const draw of later) draw(); };
}

addView('quality', makeQuality, hasQuality);
