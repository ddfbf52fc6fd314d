"""`pixmake import plantcv`: what PlantCV would run, pixmake runs; what it cannot take over, it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Project

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Config, parse_config
from pixmake.plan.plan import selected_table
from pixmake.project.importers.plantcv import PlantCVConfig, import_plantcv
from pixmake.table.table import PATH

VERSION_4: dict[str, Any] = {
    "input_dir": "images",
    "json": "out/results.json",
    "filename_metadata": ["camera", "plantbarcode", "timestamp"],
    "workflow": "scripts/side view.py",
    "img_outdir": "./output_images",
    "include_all_subdirs": True,
    "tmp_dir": ".",
    "start_date": None,
    "end_date": None,
    "imgformat": "all",
    "delimiter": "_",
    "metadata_filters": {},
    "metadata_regex": {},
    "timestampformat": "%Y-%m-%d",
    "writeimg": False,
    "other_args": {},
    "groupby": ["filepath"],
    "group_name": "auto",
    "cleanup": True,
    "append": False,
    "cluster": "LocalCluster",
    "cluster_config": {
        "n_workers": 1,
        "cores": 1,
        "memory": "1GB",
        "disk": "1GB",
        "log_directory": None,
        "local_directory": None,
        "job_extra_directives": None,
    },
    "metadata_terms": {
        "timestamp": {"label": "datetime of image", "datatype": "<class 'datetime.datetime'>", "value": None},
        "camera": {"label": "camera identifier", "datatype": "<class 'str'>", "value": "none"},
        "plantbarcode": {"label": "plantbarcode", "datatype": "<class 'str'>", "value": "none"},
    },
}

VERSION_5 = {key: value for key, value in VERSION_4.items() if key != "json"} | {
    "results": "out/results",
    "checkpoint": True,
    "verbose": True,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images" / "more").mkdir(parents=True)
    for name in (
        "VIS_A_2024-01-01.png",
        "NIR_A_2024-01-01.png",
        "VIS_B_2024-01-02.jpg",
        "more/VIS_C_2024-01-03.png",
    ):
        (tmp_path / "images" / name).touch()
    return tmp_path


def imported(**keys: Any) -> tuple[dict[str, Any], list[str]]:
    """The config, and what was not carried over."""
    Path("plantcv.json").write_text(json.dumps({**VERSION_4, **keys}))
    text = import_plantcv("plantcv.json")
    content = yaml.safe_load(text)
    parse_config(content)
    head = text.partition("\nimages:")[0].replace("\n#   ", " ")
    return content, [line[4:] for line in head.splitlines() if line.startswith("# - ")]


@pytest.mark.parametrize("given", [VERSION_4, VERSION_5])
def test_plain_configs_of_both_versions(here: Path, given: dict[str, Any]) -> None:
    """What PlantCV saves by itself goes over without a word left."""
    Path("plantcv.json").write_text(json.dumps(given))
    content = yaml.safe_load(import_plantcv("plantcv.json"))
    assert content["images"] == {
        "directory": {"path": "images", "filename_metadata": ["camera", "plantbarcode", "timestamp"]},
        "timestamp_format": "%Y-%m-%d",
    }
    assert content["steps"] == {"side_view": {"plantcv": "scripts/side view.py"}}
    assert content["results"] == "out/results"
    assert len(selected_table(parse_config(content).images).frame) == 4


DIRECTORY = ("images", "directory")


@pytest.mark.parametrize(
    ("keys", "place", "value"),
    [
        ({"include_all_subdirs": False}, (*DIRECTORY, "recursive"), False),
        ({"imgformat": "png"}, (*DIRECTORY, "formats"), ["png"]),
        ({"imgformat": ["png", "tif"]}, (*DIRECTORY, "formats"), ["png", "tif"]),
        ({"delimiter": "-"}, (*DIRECTORY, "delimiter"), "-"),
        ({"delimiter": r"(?P<c>\w+?)_(.)_(.*)"}, (*DIRECTORY, "pattern"), r"(\w+?)_(.)_(.*)"),
        ({"timestampformat": "%Y%m%d"}, ("images", "timestamp_format"), "%Y%m%d"),
        ({"start_date": "2024-01-02"}, ("images", "select", "start", "day"), 2),
        ({"end_date": "2024-01-02"}, ("images", "select", "end", "hour"), 0),
        ({"metadata_filters": {"camera": "VIS"}}, ("images", "select", "where"), {"camera": "VIS"}),
        (
            {"metadata_filters": {"camera": ["1", 2, "1.50"]}},
            ("images", "select", "where"),
            {"camera": ["1", "2", "1.50"]},
        ),
        ({"metadata_filters": {"camera": "VIS"}}, (*DIRECTORY, "unmatched"), "skip"),
        ({"metadata_regex": {"filepath": "more"}}, ("images", "select", "match"), {"path": "more"}),
        ({"groupby": ["plantbarcode", "timestamp"]}, ("images", "group_by"), ["plantbarcode", "timestamp"]),
        ({"groupby": ["plantbarcode"], "group_name": "camera"}, ("images", "name_by"), "camera"),
        (
            {"other_args": {"channel": "a", "n": 3}},
            ("steps", "side_view", "params"),
            {"channel": "a", "n": 3},
        ),
        ({"json": "results.json"}, ("results",), "results"),
        ({"workflow": "./2.py"}, ("steps", "step_2", "plantcv"), "./2.py"),
        (
            {
                "cluster": "SLURMCluster",
                "cluster_config": {
                    "cores": 2,
                    "memory": "8GB",
                    "walltime": "01:30:00",
                    "queue": "q",
                    "account": "a",
                },
            },
            ("steps", "side_view", "resources"),
            {"mem_mb": 4000, "runtime": 90, "slurm_partition": "q", "slurm_account": "a"},
        ),
    ],
)
def test_where_each_key_goes(here: Path, keys: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """What PlantCV says stands under our key."""
    found: Any = imported(**keys)[0]
    for key in place:
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    assert found == value


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"img_outdir": "pictures"},
            'img_outdir ("pictures"): files that the step names go into out/results',
        ),
        ({"tmp_dir": "/scratch"}, 'tmp_dir ("/scratch"): not needed'),
        ({"cleanup": False}, "cleanup (false): no temporary files are made"),
        ({"append": True}, "append (true): there is no out/results.json yet to add to"),
        ({"checkpoint": False}, "checkpoint (false): a run takes up where the last one ended"),
        ({"verbose": False}, "verbose (false): "),
        ({"group_name": "camera"}, 'group_name ("camera"): names the images of a group'),
        ({"filename_metadata": []}, "filename_metadata ([]): PlantCV calls the parts"),
        ({"filename_metadata": ["a", "a"]}, 'filename_metadata (["a", "a"]): with delimiter "_"'),
        ({"delimiter": "(a)"}, 'filename_metadata (["camera", "plantbarcode", "timestamp"]): with delimiter'),
        (
            {"metadata_regex": {"dir1": "mo.*e"}},
            'metadata_filters, metadata_regex (["dir1"]): PlantCV takes',
        ),
        ({"metadata_regex": {"camera": "("}}, 'metadata_regex.camera ("("): '),
        ({"other_args": {"min-area": 3}}, "other_args.min-area (3): is not letters, digits and _ alone"),
        ({"other_args": {"image": 3}}, "other_args.image (3): has a meaning of its own here"),
        ({"input_dir": "nowhere"}, "input_dir: there is no folder nowhere here"),
        ({"input_dir": "."}, 'input_dir ("."): holds the folder of results'),
        ({"metadata_terms": {"x": {"label": "y"}}}, 'metadata_terms (["x"]): labels'),
        ({"cluster": "SLRUMCluster"}, 'cluster ("SLRUMCluster"): is no cluster of dask-jobqueue'),
        ({"cluster": "LSFCluster"}, 'cluster ("LSFCluster"): run with `--workflow-profile profiles/lsf`'),
        ({"cluster_config": {"n_workers": 8}}, "cluster_config.n_workers (8): run with `--cores 8`"),
        ({"cluster_config": {"log_directory": "x"}}, 'cluster_config.log_directory ("x"): is Dask\'s'),
        ({"surprise\n": 1}, "surprise\\n (1): is not a key of PlantCV"),
    ],
)
def test_what_is_not_carried_over_is_said(here: Path, keys: dict[str, Any], said: str) -> None:
    """A line of comment for each, and none for what is as PlantCV has it by itself."""
    _, notes = imported(**keys)
    _, before = imported()
    more = [note for note in notes if note not in before]
    assert len(more) == 1
    assert more[0].startswith(said)


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"dir1": "more"}, ["more/VIS_C_2024-01-03.png", "more/deep/VIS_D_2024-01-03.png"]),
        ({"dir2": "deep"}, ["more/deep/VIS_D_2024-01-03.png"]),
        ({"filepath1": ["deep", "nowhere"]}, ["more/deep/VIS_D_2024-01-03.png"]),
        ({"camera": "VIS", "basename": "VIS_C_2024-01-03.png"}, ["more/VIS_C_2024-01-03.png"]),
        ({"dir1": "more", "dir2": ["dee", "VIS_C_2024-01-03.png"]}, ["more/VIS_C_2024-01-03.png"]),
    ],
)
def test_filters_of_folders(here: Path, filters: dict[str, Any], kept: list[str]) -> None:
    """What PlantCV takes from the path selects by the path: `dir1` of version 5, `filepath1` of version 4."""
    (here / "images/more/deep").mkdir()
    (here / "images/more/deep/VIS_D_2024-01-03.png").touch()
    content, _ = imported(metadata_filters=filters)
    images = parse_config(content).images
    assert sorted(selected_table(images).cells[PATH].tolist()) == kept


@pytest.mark.parametrize("named", [{"json": "out/results.json"}, {"json": "", "results": "out/results"}])
def test_results_are_added_to_those_before(here: Path, named: dict[str, Any]) -> None:
    """`append` names the file that is there, in both versions."""
    (here / "out").mkdir()
    (here / "out/results.json").write_text('{"variables": {}, "entities": []}')
    content, notes = imported(append=True, **named)
    assert content["aggregate"] == {"plantcv": True, "plantcv_append": "out/results.json"}
    assert content["results"] == "out/results"
    assert not [note for note in notes if "append" in note]


def test_every_key_is_known() -> None:
    """The keys of both versions are read, none by chance."""
    aliases = {field.alias or name for name, field in PlantCVConfig.model_fields.items()}
    assert {*VERSION_4, *VERSION_5} <= aliases


def test_the_same_images_as_plantcv(here: Path) -> None:
    """Filters on names, of which PlantCV keeps no file that does not fit; dates are inclusive."""
    (here / "images" / "odd.png").touch()
    content, _ = imported(metadata_filters={"camera": ["VIS", "x"]}, start_date="2024-01-02")
    paths = selected_table(parse_config(content).images).frame["path"].tolist()
    assert paths == ["VIS_B_2024-01-02.jpg", "more/VIS_C_2024-01-03.png"]


def test_a_lemnatec_export(here: Path) -> None:
    """SnapshotInfo.csv is found, its terms are called as they are here."""
    (here / "images" / "SnapshotInfo.csv").write_text(
        "experiment,id,plant barcode,car tag,timestamp,tag,tiles\n"
        "T,1,P1,c,2024-01-01 10:00:00.5,,VIS_SV_0;\nT,2,P2,c,2024-01-02,,VIS_SV_0;NIR_SV_0;\n"
    )
    for name in ("1/VIS_SV_0", "2/VIS_SV_0", "2/NIR_SV_0"):
        path = here / "images" / f"snapshot{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    content, notes = imported(
        filename_metadata=["imgtype", "camera", "tag"],
        metadata_filters={"snapshot": "snapshot2", "barcode": "P2"},
        groupby=["barcode"],
        group_name="imgtype",
        timestampformat="%Y-%m-%d %H:%M:%S.%f",
    )
    assert content["images"]["group_by"] == ["plantbarcode"]
    assert 'filename_metadata (["tag"]): are columns of SnapshotInfo.csv' in "".join(notes)
    paths = selected_table(parse_config(content).images).frame["path"].tolist()
    assert paths == ["snapshot2/VIS_SV_0.png", "snapshot2/NIR_SV_0.png"]


def test_a_phenodata_folder(here: Path) -> None:
    """metadata.json goes before all else, as in PlantCV."""
    (here / "images" / "metadata.json").write_text('{"images": {"VIS_A_2024-01-01.png": {"camera": "SV"}}}')
    content, _ = imported()
    assert content["images"]["phenodata"] == "images"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read as JSON"),
        ("[1]", "is no configuration of PlantCV"),
        ('{"input_dir": 3}', "input_dir: input should be a valid string, not 3"),
        ("{}", "input_dir is empty"),
        ('{"input_dir": "x", "workflow": "x"}', "workflow 'x' is no Python file"),
        (
            '{"input_dir": "x", "workflow": "x.py", "start_date": "May"}',
            "start_date: 'May' is not written as",
        ),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_files_that_are_none(here: Path, text: str, said: str) -> None:
    """What PlantCV would not run either is an error that says what to do."""
    Path("plantcv.json").write_text(text)
    with pytest.raises(PixmakeError) as raised:
        import_plantcv("plantcv.json")
    assert said in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LIKELY = st.one_of(
    st.text(max_size=8),
    st.lists(st.text(max_size=8), max_size=3),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=3),
    JSON,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from([*VERSION_5, "json", "x"]), LIKELY, max_size=4))
def test_any_config(here: Path, keys: dict[str, Any]) -> None:
    """Whatever stands in the file: a config that our models take, or an error in words."""
    Path("plantcv.json").write_text(json.dumps({**VERSION_4, **keys}))
    try:
        text = import_plantcv("plantcv.json")
    except PixmakeError:
        return
    text.encode()
    Config.model_validate(yaml.safe_load(text))


def test_the_command(project: Project) -> None:
    """`pixmake import plantcv FILE` writes a project once, and over another one if told to."""
    (project.folder / "Snakefile").unlink()
    project.write("plantcv.json", json.dumps({**VERSION_4, "workflow": "scripts/analysis.py"}))
    refused = project.pixmake("import", "plantcv", "plantcv.json")
    assert (refused.code, refused.err) == (
        1,
        "pixmake: config/config.yaml: exists already (--force writes over it)\n",
    )
    forced = project.pixmake("import", "plantcv", "plantcv.json", "--force")
    assert (forced.code, forced.out) == (0, "wrote config/config.yaml\nwrote Snakefile\n")
    elsewhere = project.pixmake("import", "plantcv", "plantcv.json", "-o", "config/other.yaml")
    assert (elsewhere.code, elsewhere.out) == (0, "wrote config/other.yaml\n")
    for name in ("VIS_A_2024-01-01.png", "VIS_B_2024-01-01.png"):
        project.draw(f"images/{name}")
    checked = project.pixmake("check")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("config/config.yaml: no problem found. 2 images; steps: analysis")
