"""A plate in object storage, from pixels to a heat map: draws it, serves it, classifies, measures.

    python examples/plate/run.py [FOLDER] [SNAKEMAKE OPTION …]

The bucket is served by a small S3 server on this computer (moto), which ends with this program. With a
bucket of your own only the last two commands are left: `pixmake train` and `snakemake`.
docs/ome-zarr-example.md goes through it step by step.
"""

import csv
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
BUCKET = "screen"


def main(folder: Path, options: list[str]) -> int:
    """Run the example in a folder, and say how long it took."""
    make_project(folder)
    run(folder, "scripts/plate.py", "drawn")
    if not (folder / "scribbles").exists():
        shutil.copytree(folder / "drawn" / "scribbles", folder / "scribbles")
    with bucket() as environment:
        upload(folder / "drawn", environment)
        run(folder, "-m", "pixmake", "train", **environment)
        started = time.monotonic()
        run(folder, "-m", "snakemake", *options, **environment)
        tell(folder, time.monotonic() - started)
    return 0


def make_project(folder: Path) -> None:
    """Config, scripts, Snakefile and Snakemake's options."""
    from pixmake.project.folder import complete_project, project_template

    for name in ("config", "scripts"):
        shutil.copytree(HERE / name, folder / name, dirs_exist_ok=True)
    complete_project(folder)
    if any("slurm" in word for word in sys.argv):
        shutil.copytree(project_template() / "profiles/slurm", folder / "profiles/slurm", dirs_exist_ok=True)


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """An S3 server on this computer, and the variables of the environment that lead to it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.stop()


def upload(folder: Path, environment: dict[str, str]) -> None:
    """Put the plate into the bucket."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    client.create_bucket(Bucket=BUCKET)
    for path in sorted((folder / "plate1.zarr").rglob("*")):
        if path.is_file():
            client.upload_file(str(path), BUCKET, path.relative_to(folder).as_posix())


def run(folder: Path, *words: str, **environment: str) -> None:
    """Run a Python program in the project's folder."""
    print("$", *words, flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # profiles call `pixmake`
    subprocess.run(
        [sys.executable, *words], cwd=folder, env={**os.environ, "PATH": path, **environment}, check=True
    )


def tell(folder: Path, seconds: float) -> None:
    """Say what a plane cost: a field is two, one a channel."""
    with open(folder / "results/runs.csv", newline="") as lines:
        runs = list(csv.DictReader(lines))
    fields, hosts = {row["id"] for row in runs}, {row["host"] for row in runs}
    planes = 2 * len(fields)
    print(f"{planes} planes in {seconds:.1f} s on {len(hosts)} computer(s): {seconds / planes:.2f} s a plane")
    for step in dict.fromkeys(row["step"] for row in runs):
        own = [row for row in runs if row["step"] == step]
        each = {key: sum(float(row[key]) for row in own) / planes for key in ("seconds", "cpu_seconds")}
        print(f"  {step}: {each['seconds']:.2f} s a plane, of which {each['cpu_seconds']:.2f} s computing")
    print(f"The page with the plate's heat map: {folder / 'results/report.html'}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "plate-example").absolute(), sys.argv[2:]))
