"""What names of files say: templates, PlantCV's lists of terms, regular expressions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.filename_terms import NameMismatch, name_parser, without_suffix
from pixmake.config.images import FORMATS


def read(path: str, **keys: Any) -> dict[str, Any]:
    given = {"template": None, "filename_metadata": (), "delimiter": "_", "pattern": None, **keys}
    parser = name_parser(**given, formats=FORMATS)
    assert parser is not None
    return dict(zip(parser.columns, parser.read(path), strict=True))


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        (
            "{camera}_{angle:d}_{plant}_{timestamp:%Y-%m-%d}.png",
            "deep/down/VIS_090_P 7_2024-01-31.PNG",
            {"camera": "VIS", "angle": 90, "plant": "P 7", "timestamp": "2024-01-31"},
        ),
        ("{camera}_{plant}", "VIS_P_7.tiff", {"camera": "VIS", "plant": "P_7"}),
        ("{plant}_{angle:d}", "P_7_90.png", {"plant": "P_7", "angle": 90}),
        ("{trial}/{plant}/{camera}.jpg", "t1/p2/VIS.jpg", {"trial": "t1", "plant": "p2", "camera": "VIS"}),
        (
            "{timestamp:%Y%m%d}/{plant}_{timestamp:%H%M}.png",
            "20240131/p_1705.png",
            {"timestamp": "2024-01-31T17:05:00", "plant": "p"},
        ),
        ("{plant}/{plant}_{n:d}", "a/a_1.png", {"plant": "a", "n": 1}),
        ("{_}_{plant}_{}", "x_p_y.png", {"plant": "p"}),
        ("{tray:3d}{pot:2}", "012A7.png", {"tray": 12, "pot": "A7"}),
        ("{dose:f}mM_{plant}", "-0.50mM_007.bmp", {"dose": -0.5, "plant": "007"}),
        ("{plant}.{ext}", "p.jpeg", {"plant": "p", "ext": "jpeg"}),
        ("{a}.(b)[c]+$", "1.(b)[c]+$.png", {"a": 1}),
        ("{timestamp:%d%b%Y-%I.%M%p}", "31Jan2024-05.07PM.png", {"timestamp": "2024-01-31T17:07:00"}),
        ("{hour:%H-%M}", "17-05.png", {"hour": "17:05:00"}),
    ],
)
def test_templates(template: str, path: str, values: dict[str, Any]) -> None:
    """A template says how a name, or with folders a path, is built; terms come typed."""
    assert read(path, template=template) == values


@pytest.mark.parametrize(
    ("keys", "path", "why"),
    [
        ({"template": "{plant}_{angle:d}.png"}, "P_top.png", "does not fit {plant}_{angle:d}.png"),
        ({"template": "{plant}.png"}, "P.jpg", "does not fit {plant}.png"),
        ({"template": "{trial}/{plant}"}, "P.jpg", "does not fit {trial}/{plant}"),
        ({"template": "{plant}/{plant}"}, "a/b.png", "does not fit {plant}/{plant}"),
        (
            {"template": "{timestamp:%Y-%m-%d}"},
            "2024-02-31.png",
            "timestamp is no time as in %Y-%m-%d: '2024-02-31'",
        ),
        ({"template": "{plant}_{n:d}"}, " _1.png", "has nothing for plant"),
        ({"filename_metadata": ["a", "b"]}, "1_2_3.png", "has not the 2 terms a_b: 3 between '_'"),
        ({"filename_metadata": ["a", "b"]}, "1_.png", "has nothing for b"),
        ({"pattern": r"(?P<n>\d+)"}, "x.png", "has no match of pattern: 'x'"),
    ],
)
def test_names_that_do_not_fit(keys: dict[str, Any], path: str, why: str) -> None:
    """What does not fit is said, never an empty cell."""
    with pytest.raises(NameMismatch) as raised:
        read(path, **keys)
    assert str(raised.value) == why


def test_as_in_plantcv() -> None:
    """A list of terms with a delimiter, or an expression with a group for each."""
    terms = ["imgtype", "camera", "_", "plant"]
    assert read("a/VIS_SV_x_007.png", filename_metadata=terms) == {
        "imgtype": "VIS",
        "camera": "SV",
        "plant": "007",
    }
    assert read("VIS-7.png", filename_metadata=["camera", "n"], delimiter="-") == {"camera": "VIS", "n": 7}
    assert read("VIS7.png", filename_metadata=["camera", "n"], pattern=r"^(\D+)(\d+)$")["n"] == 7
    named = r"(?P<trial>\w+)/(?P<camera>VIS|NIR)(?:_(?P<angle>\d+))?"
    assert read("t1/VIS_90.png", pattern=named) == {"trial": "t1", "camera": "VIS", "angle": 90}
    assert read("t1/NIR.png", pattern=named)["angle"] is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"template": "{a"}, "is no template"),
        ({"template": "all.png"}, "names no term"),
        ({"template": "{a.b}"}, "'a.b' is no name of a term"),
        ({"template": "{a!r}"}, "'a' is no name of a term"),
        ({"template": "{a:x}"}, "'x' says nothing; after the colon comes d"),
        ({"template": "{a:%Q}"}, "%Q is not known"),
        ({"template": "{a:%Y}_{a:d}"}, "'a' stands twice in different ways"),
        ({"template": "{path}"}, "cannot be called 'path'"),
        ({"filename_metadata": ["a", "a"]}, "has a term twice"),
        ({"pattern": "("}, "is no regular expression"),
        ({"pattern": "(.)"}, "has no named group"),
        ({"pattern": "(.)(.)", "filename_metadata": ["a"]}, "has 2 groups, but filename_metadata 1 terms"),
        ({"pattern": "(?P<a>.)", "filename_metadata": ["a"]}, "leave filename_metadata out"),
    ],
)
def test_what_is_wrong_with_a_way_of_reading(keys: dict[str, Any], message: str) -> None:
    """It is told when the config is read, not when a file is."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        read("x.png", **keys)


def test_suffixes() -> None:
    """The longest format counts; without one, what follows the last dot."""
    assert without_suffix("a.ome.TIF", ["tif", "ome.tif"]) == "a"
    assert without_suffix("a.b/c", ["png"]) == "a.b/c"
    assert without_suffix("a.b/c.x", ["png"]) == "a.b/c"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.text(st.characters(categories=["L", "Nd", "Zs"]), min_size=1, max_size=6).filter(
            lambda text: bool(text.strip()) and "_" not in text
        ),
        min_size=2,
        max_size=5,
    )
)
def test_what_is_written_by_a_template_is_read_by_it(pieces: list[str]) -> None:
    """Names that a template builds give back the terms, however they are spelt."""
    terms = [f"t{number}" for number in range(len(pieces))]
    template = "_".join(f"{{{term}}}" for term in terms) + ".png"
    name = template.format(**dict(zip(terms, pieces, strict=True)))
    values = read(name, template=template)
    assert values == read(name, filename_metadata=terms)
    assert list(values) == terms
