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
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; background: #fff }}</style>
<h1>{title}</h1>
<p>Take a column with <code>pixmake tune {step} --take NUMBER</code>. 0 is what the config says.</p>
"""

_STYLE = """<style>
.tuned { border-collapse: collapse }
.tuned th, .tuned td { padding: .4em; vertical-align: top; text-align: left; font-weight: normal }
.tuned th b { font-size: 1.4em }
.tuned thead th { position: sticky; top: 0; background: #fff }
.tuned .picture { position: relative; width: 240px }
.tuned .picture img, .tuned .picture svg { display: block; width: 100% }
.tuned .picture svg { position: absolute; inset: 0; height: 100%; fill: none; stroke: #e6007e }
.tuned .picture svg * { vector-effect: non-scaling-stroke; stroke-width: 2px }
.tuned .failed { color: #b00020; max-width: 240px; overflow-wrap: anywhere }
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
    heads = "".join(f"<th><b>{number}</b> {_said(step, values)}</th>" for number, values in enumerate(tried))
    rows = [
        _row(job_id, list(of_image)) for job_id, of_image in groupby(results, key=lambda each: each.group.id)
    ]
    head = f"<thead><tr><th></th>{heads}</tr></thead>"
    return f'{_STYLE}<table class="tuned">{head}\n{"".join(rows)}</table>\n'


def _said(step: str, values: Values) -> str:
    named = (
        f"{param if of == step else f'{of}.{param}'} = {json.dumps(v)}" for (of, param), v in values.items()
    )
    return escape(", ".join(named) or "as it is")


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
