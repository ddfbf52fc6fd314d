"""The contact sheet of a tuned step: a row an image, a column a variant, with outlines and numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from pixmake.images.axes import WHOLE
from pixmake.project.tune import Result, Values
from pixmake.results.report.thumbnails import small_picture

_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ground: #fff; --text: #222; --bad: #b00020 }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #121614; --text: #e6ebe8; --bad: #ff8a80 }} }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: var(--text); background: var(--ground) }}
@media (max-width: 560px) {{ body {{ margin: .8em }} .tuned .picture {{ width: 170px !important }} }}
@page {{ size: A4 landscape; margin: 10mm }}
@media print {{
  :root {{ --ground: #fff; --text: #222; --bad: #b00020 }}
  body {{ margin: 0; font-size: 9px }}
  .tuned {{ width: 100%; table-layout: fixed }}
  .tuned th, .tuned td {{ padding: 2px !important; position: static !important }}
  .tuned .picture {{ width: auto !important }}
  .tuned tr {{ break-inside: avoid }}
}}
</style>
<h1>{title}</h1>
<p>Take a column with <code>pixmake tune {step} --take NUMBER</code>. 0 is what the config says.</p>
"""

_STYLE = """<style>
.tuned { border-collapse: collapse }
.tuned th, .tuned td { padding: .4em; vertical-align: top; text-align: left; font-weight: normal }
.tuned th b { font-size: 1.4em }
.tuned th { background: var(--ground, transparent) }
.tuned thead th { position: sticky; top: 0; z-index: 1 }
.tuned th:first-child { position: sticky; left: 0; z-index: 2 }
.tuned th:first-child { min-width: 5em; max-width: 8em; overflow-wrap: break-word }
.tuned .picture { position: relative; width: 240px }
.tuned .picture img, .tuned .picture svg { display: block; width: 100% }
.tuned .picture svg { position: absolute; inset: 0; height: 100%; fill: none; stroke: #e6007e }
.tuned .picture svg * { vector-effect: non-scaling-stroke; stroke-width: 2px }
.tuned .failed { color: var(--bad, #b00020); max-width: 240px; overflow-wrap: anywhere }
</style>
"""


def page(step: str, tried: Sequence[Values], results: Sequence[Result]) -> str:
    """The sheet as one HTML file that needs no other.

    Parameters
    ----------
    step
        The step that was tuned.
    tried
        The variants, by number.
    results
        Of each image those of all variants, image by image.
    """
    head = _HEAD.format(title=escape(f"{step}, tuned"), step=escape(step))
    return f"{head}{sheet(step, tried, results)}</html>\n"


def sheet(step: str, tried: Sequence[Values], results: Sequence[Result]) -> str:
    """The table of the page, which may stand in another one; its arguments are those of `page`."""
    heads = "".join(
        f"<th><b>{number}</b><br>{_said(step, values)}</th>" for number, values in enumerate(tried)
    )
    rows = [
        _row(job_id, list(of_image)) for job_id, of_image in groupby(results, key=lambda each: each.group.id)
    ]
    head = f"<thead><tr><th></th>{heads}</tr></thead>"
    return f'{_STYLE}<table class="tuned">{head}\n{"".join(rows)}</table>\n'


def _said(step: str, values: Values) -> str:
    named = (
        f"{param if of == step else f'{of}.{param}'} = {json.dumps(v)}" for (of, param), v in values.items()
    )
    return "<br>".join(map(escape, named)) or "as it is"


def _row(job_id: str, results: Sequence[Result]) -> str:
    group = results[0].group
    (path, part), *_ = group.images or ((("", WHOLE)),)
    picture = base64.b64encode(small_picture(path, part)).decode() if path else ""
    image = f'<img alt="" src="data:image/jpeg;base64,{picture}">' if picture else ""
    cells = "".join(f"<td>{_cell(each, image)}</td>" for each in results)
    return f"<tr><th>{escape(job_id)}</th>{cells}</tr>\n"


def _cell(result: Result, image: str) -> str:
    records = [each.record for each in result.tried]
    numbers = [
        f"{escape(name)} = {escape(_short(content['value']))}"
        for record in records
        for name, content in record.measurements.items()
    ]
    numbers += [result.mask.counted] if result.mask.counted else []
    failed = [record.error for record in records if record.error is not None]
    said = f'<p class="failed">{escape(failed[0].type)}: {escape(failed[0].message)}</p>' if failed else ""
    return f'<div class="picture">{image}{result.mask.outline}</div>{"<br>".join(numbers)}{said}'


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)[:60]
