"""The storage that other tests use: it does what they rely on."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from tests.objectstore import Bucket, WebFolder


def open_s3(bucket: Bucket, **options: object) -> object:
    import s3fs

    client = {"endpoint_url": bucket.endpoint, "region_name": "us-east-1"}
    return s3fs.S3FileSystem(client_kwargs=client, skip_instance_cache=True, **options)


def test_s3_checks_credentials_and_counts(
    bucket: Bucket, public_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a b/ü.bin", b"x" * 1000)
    public_bucket.put("open.bin", b"y" * 10)
    anonymous = open_s3(bucket, anon=True)
    assert anonymous.cat(f"{public_bucket.name}/open.bin") == b"y" * 10  # type: ignore[attr-defined]
    with pytest.raises(PermissionError):
        anonymous.cat(f"{bucket.name}/a b/ü.bin")  # type: ignore[attr-defined]
    bucket.log_in(monkeypatch)
    known = open_s3(bucket)
    bucket.traffic.reset()
    assert known.cat_file(f"{bucket.name}/a b/ü.bin", start=10, end=20) == b"x" * 10  # type: ignore[attr-defined]
    assert bucket.traffic.of("ü.bin", "GET")[-1].range == "bytes=10-19"
    assert bucket.traffic.sent == 10
    known.pipe(f"{bucket.name}/new", b"z")  # type: ignore[attr-defined]
    assert bucket.get("new") == b"z"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(PermissionError):
        open_s3(bucket, use_listings_cache=False).ls(bucket.name)  # type: ignore[attr-defined]


def test_web_folder_knows_ranges_and_faults(web: WebFolder) -> None:
    url = web.put("a/b.bin", bytes(range(100)))
    asked = urllib.request.Request(url, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(asked) as reply:
        assert reply.status == 206 and reply.read() == bytes(range(10, 20))
    assert web.traffic.sent == 10
    web.traffic.fail_every = 1
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(url)
    assert web.traffic.failed == 1
