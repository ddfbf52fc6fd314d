"""Every kind of step through everything that can happen to a job, in one run of Snakemake."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Project, notebook

import pixmake

FUNCTION = """
import ctypes, os, sys, time
from pathlib import Path


def measure(image, meta, *, gain=1):
    do, mark = meta["do"], Path("marks") / f"function_{meta['do']}"
    if do == "second" and not mark.exists():
        mark.touch()
        raise RuntimeError("not yet")
    if do == "raise":
        raise ValueError("no plant in this picture")
    if do == "exit":
        sys.exit(3)
    if do == "crash":
        ctypes.string_at(0)
    if do == "hang":
        time.sleep(1000)
    if do == "wrong":
        return {"mask": "text", "mean": [[1]]}
    result = {"mean": gain * float(image.mean())}
    return result if do == "missing" else {**result, "mask": image > 0}
"""

PYTHON = """
import ctypes, json, os, sys, time
from pathlib import Path

import cv2

job = json.loads(Path(os.environ["PIXMAKE_JOB"]).read_text())
assert __name__ == "__main__" and sys.argv[1:] == [job["image"], "2", job["id"]], sys.argv
do, mark = job["meta"]["do"], Path("marks") / f"python_{job['id']}"
if do == "second" and not mark.exists():
    mark.touch()
    raise RuntimeError("not yet")
if do == "raise":
    raise ValueError("no plant in this picture")
if do == "exit":
    print("three is the number", file=sys.stderr)
    sys.exit(3)
if do == "crash":
    ctypes.string_at(0)
if do == "hang":
    time.sleep(1000)
image = cv2.imread(job["image"])
if do != "missing":
    cv2.imwrite(job["files"]["mask"], image)
result = {"mean": {"value": job["params"]["gain"] * float(image.mean()), "unit": "levels"}}
Path(job["result"]).write_text("mean: 3" if do == "wrong" else json.dumps(result))
"""

SHELL = """
do={meta.do} mark=marks/KIND_$do
if [ $do = second ] && [ ! -e $mark ]; then touch $mark; exit 1; fi
if [ $do = raise ]; then echo no plant in this picture >&2; false; fi
if [ $do = exit ]; then exit 3; fi
if [ $do = crash ]; then kill -SEGV $$; fi
if [ $do = hang ]; then sleep 1000; fi
if [ $do != missing ]; then cp {image} {files.mask}; fi
if [ $do = wrong ]; then echo mean 3; else echo '{{"mean": 7}}'; fi
"""

CSV = """
set -e
do=$1 image=$2 mask=$3 result=$4 mark=marks/bash_$1
if [ $do = second ] && [ ! -e $mark ]; then touch $mark; exit 1; fi
if [ $do = raise ]; then echo no plant in this picture >&2; false; fi
if [ $do = exit ]; then exit 3; fi
if [ $do = crash ]; then kill -SEGV $$; fi
if [ $do = hang ]; then sleep 1000; fi
if [ $do != missing ]; then cp "$image" "$mask"; fi
if [ $do = wrong ]; then echo mean > "$result"; else printf 'mean,n\\n7,1\\n' > "$result"; fi
"""

CELLS = [
    """
level = 1
image, files, result, id, meta, gain = "", {}, "", "", {}, 1
""",
    "raise RuntimeError('this cell is to be skipped')",
    "# @ignore\nraise RuntimeError('and this one')",
    """
import ctypes, json, os, time
from pathlib import Path

import cv2

os.chdir(Path(image).parents[1])
do, mark = meta["do"], Path("marks") / f"notebook_{id}"
if do == "second" and not mark.exists():
    mark.touch()
    raise RuntimeError("not yet")
if do == "raise":
    raise ValueError("no plant in this picture")
if do == "exit":
    raise SystemExit(3)
if do == "crash":
    ctypes.string_at(0)
if do == "hang":
    time.sleep(1000)
""",
    """
picture = cv2.imread(image)
if do != "missing":
    cv2.imwrite(files["mask"], picture)
Path(result).write_text("mean: 3" if do == "wrong" else json.dumps({"mean": gain * float(picture.mean())}))
""",
]

DOINGS = ("ok", "raise", "exit", "crash", "hang", "missing", "wrong", "second")

TOO_LONG = ("TimeoutError", "took longer than the step's timeout of 1 s")
SEGV = ("CrashError", "its process was killed by SIGSEGV (signal 11)")
NO_FILE = (
    "OutputError",
    "the file 'mask' was not written (expected by the step's `files`: missing.mask.png)",
)

EXPECTED = {
    "function": {
        "raise": ("ValueError", "no plant in this picture"),
        "exit": ("SystemExit", "the analysis ended itself: sys.exit(3)"),
        "crash": SEGV,
        "hang": TOO_LONG,
        "missing": ("KeyError", "measure returned nothing for the file 'mask' of its step"),
        "wrong": ("TypeError", "'mean' is of type list; a measurement is a number, text, or a list of them"),
    },
    "python": {
        "raise": ("ValueError", "no plant in this picture"),
        "exit": ("CommandError", "the script ended with exit status 3: three is the number"),
        "crash": SEGV,
        "hang": TOO_LONG,
        "missing": NO_FILE,
        "wrong": (
            "ValueError",
            "its file of measurements is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
    },
    "bash": {
        "raise": ("CommandError", "the script ended with exit status 1: no plant in this picture"),
        "exit": ("CommandError", "the script ended with exit status 3"),
        "crash": ("CommandError", "the script was killed by SIGSEGV (signal 11)"),
        "hang": TOO_LONG,
        "missing": NO_FILE,
        "wrong": (
            "ValueError",
            "its file of measurements has no values: a line of names and a line of values are expected",
        ),
    },
    "notebook": {
        "raise": ("ValueError", "no plant in this picture (in cell 3)"),
        "exit": ("SystemExit", "3 (in cell 3)"),
        "crash": ("DeadKernelError", "Kernel died"),
        "hang": ("TimeoutError", "took longer than the step's timeout of 8 s"),
        "missing": NO_FILE,
        "wrong": (
            "ValueError",
            "its file of measurements is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
    },
    "shell": {
        "raise": ("CommandError", "the command ended with exit status 1: no plant in this picture"),
        "exit": ("CommandError", "the command ended with exit status 3"),
        "crash": ("CommandError", "the command was killed by SIGSEGV (signal 11)"),
        "hang": TOO_LONG,
        "missing": NO_FILE,
        "wrong": ("ValueError", "what it printed is not JSON: Expecting value: line 1 column 1 (char 0)"),
    },
}

STEPS = {
    "function": {"function": "scripts/function.py:measure", "params": {"gain": 2}},
    "python": {
        "script": "scripts/python.py",
        "args": ["{image}", "{params.gain}", "{id}"],
        "params": {"gain": 2},
    },
    "bash": {
        "script": "scripts/bash.sh",
        "args": ["{meta.do}", "{image}", "{files.mask}", "{result}"],
        "measurements": "csv",
    },
    "notebook": {
        "notebook": "notebooks/measure.ipynb",
        "params": {"gain": 2},
        "files": {"mask": "png", "ran": "ipynb"},
        "timeout": 8,  # a kernel takes a second or two to start
    },
    "shell": {"shell": SHELL.replace("KIND", "shell"), "measurements": "stdout-json"},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, make_project: Callable[[Path], Project]) -> Project:
    """A run of eight images through every kind of step."""
    project = make_project(tmp_path_factory.mktemp("kinds") / "a project")
    for name, text in (("function.py", FUNCTION), ("python.py", PYTHON), ("bash.sh", CSV)):
        project.write(f"scripts/{name}", text)
    project.write("notebooks/measure.ipynb", notebook(CELLS, {0: ["parameters"], 1: ["skip"]}))
    (project.folder / "marks").mkdir()
    project.list_images([{"path": f"{do}.png", "do": do} for do in DOINGS])
    for number, do in enumerate(DOINGS):
        project.draw(f"images/{do}.png", level=10 * number)
    shared = {"files": {"mask": "png"}, "timeout": 1, "retries": 1}
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={name: {**shared, **step} for name, step in STEPS.items()},
        max_failures=len(EXPECTED) * 6,
    )
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    return project


@pytest.mark.parametrize("kind", STEPS)
def test_each_failure_has_its_reason(ran: Project, kind: str) -> None:
    """What went wrong is in the table, in the log, and the declared file stays empty."""
    rows = {row["id"]: row for row in ran.rows("failures.csv") if row["step"] == kind}
    assert {job: (row["error"], row["message"]) for job, row in rows.items()} == EXPECTED[kind]
    for job, (_, message) in EXPECTED[kind].items():
        assert message in (ran.folder / rows[job]["log"]).read_text()
        assert (ran.folder / f"results/{kind}/{job}.mask.png").read_bytes() == b""
        record = ran.record(kind, job)
        assert record["run"]["attempt"] == 2
        assert str(Path(pixmake.__file__).parent) not in record["error"]["traceback"]
    traceback = ran.record(kind, "raise")["error"]["traceback"]
    if kind in ("function", "python"):
        assert f"scripts/{kind}.py" in traceback
    if kind == "notebook":
        assert 'raise ValueError("no plant in this picture")' in traceback


@pytest.mark.parametrize("kind", STEPS)
def test_what_is_in_order_is_measured(ran: Project, kind: str) -> None:
    """The good image at the first attempt, the other at the second; both have their file."""
    rows = {row["id"]: row for row in ran.rows() if row["step"] == kind}
    assert set(rows) == {"ok", "second"}
    for job, attempt in (("ok", 1), ("second", 2)):
        assert ran.record(kind, job)["run"]["attempt"] == attempt
        assert float(rows[job]["mean"]) > 0
        assert (ran.folder / f"results/{kind}/{job}.mask.png").stat().st_size > 0
    assert ran.record("python", "ok")["measurements"]["mean"]["unit"] == "levels"


def test_notebooks_are_kept(ran: Project) -> None:
    """The executed one is with the results; of a failed image, as far as it came, with its log."""
    executed = json.loads((ran.folder / "results/notebook/ok.ran.ipynb").read_text())
    assert [cell["execution_count"] for cell in executed["cells"] if cell["source"]] == [
        1,
        2,
        None,
        None,
        3,
        4,
    ]
    failed = json.loads((ran.folder / "logs/notebook/raise.ipynb").read_text())
    assert "no plant in this picture" in json.dumps(failed)
    assert sorted(path.stem for path in (ran.folder / "logs/notebook").glob("*.ipynb")) == [
        *("crash", "exit", "raise"),
    ]


def test_a_changed_script_runs_its_own_step_again(ran: Project) -> None:
    """All images of that step; of the others those that failed."""
    changes = {"bash": ("scripts/bash.sh", "set -e"), "notebook": ("notebooks/measure.ipynb", "level = 1")}
    for path, old in changes.values():
        text = (ran.folder / path).read_text()
        assert old in text
        ran.write(path, text.replace(old, f"{old} # changed"))
    dry = ran.snakemake("-n")
    assert dry.code == 0, dry.err
    (counts,) = re.findall("would run: (.*)", dry.out)
    expected = {name: len(DOINGS) if name in changes else len(EXPECTED[name]) for name in STEPS}
    said = dict(reversed(count.split(" × ")) for count in counts.split(", "))
    assert {name: int(said[name]) for name in STEPS} == expected


def test_nothing_else_is_left(ran: Project) -> None:
    """No temporary file or folder stays behind, of killed jobs either."""
    left = {path.name for step in STEPS for path in (ran.folder / "results" / step).glob(".*")}
    assert left == set()


def test_values_with_spaces_and_quotes(project: Project, tmp_path: Path) -> None:
    """Names of files and values of the table reach a command as they are."""
    name = "it's a $(touch hacked) `plant` {1}.png"
    project.draw(f"images/{name}")
    project.list_images([{"path": name, "plant": 'a "b" \\ c; d'}])
    project.configure(
        images={"table": "config/images.csv", "root": "images", "id": "one"},
        steps={
            "say": {
                "shell": """
                    printf '{{"bytes": %d}}' $(wc -c < {image}) > {result}
                    printf %s {meta.plant} > {files.said}
                """,
                "files": {"said": "txt"},
            }
        },
    )
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    size = (project.folder / "images" / name).stat().st_size
    assert project.record("say", "one")["measurements"] == {"bytes": {"value": size}}
    assert (project.folder / "results/say/one.said.txt").read_text() == 'a "b" \\ c; d'
    assert not (project.folder / "hacked").exists()
