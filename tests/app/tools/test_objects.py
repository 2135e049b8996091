"""Exports in a bucket: whole or not there, read twice without a copy, and the way from one exchange into another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aex.__main__ import main
from aex.tools import objects
from aex.tools.objects import Lines, ObjectError, parts_of, written

URL = "s3://aex-exports-1-us-east-1/today.jsonl"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="aex-exports-1-us-east-1")
        yield client


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="aex-exports-1-us-east-1").get("Contents", [])]


def test_what_is_written_in_parts_is_read_line_by_line_as_often_as_one_likes(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 5 * 1024 * 1024)
    line = b"x" * 1023 + b"\n"
    with written(URL) as upload:
        for _ in range(6 * 1024):
            upload.write(line)
        assert keys(s3) == [], "nothing is there before it is whole"
    answer = s3.head_object(Bucket="aex-exports-1-us-east-1", Key="today.jsonl", PartNumber=1)
    assert answer["PartsCount"] == 2
    lines = Lines(URL)
    for _ in range(2):
        assert sum(1 for each in lines if each == line.rstrip()) == 6 * 1024


def test_half_an_export_is_none_and_leaves_no_parts(s3: Any) -> None:
    with pytest.raises(RuntimeError, match="database"), written(URL) as upload:
        upload.write(b"half")
        raise RuntimeError("the database is gone")
    assert keys(s3) == []
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="aex-exports-1-us-east-1")


def test_an_object_that_changes_between_two_readings_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="aex-exports-1-us-east-1", Key="today.jsonl", Body=b"1\n")
    lines = Lines(URL)
    assert list(lines) == [b"1"]
    s3.put_object(Bucket="aex-exports-1-us-east-1", Key="today.jsonl", Body=b"2\n")
    with pytest.raises(ObjectError, match="PreconditionFailed"):
        list(lines)


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_a_url_without_bucket_or_name_says_how_to_write_it(url: str) -> None:
    with pytest.raises(ObjectError, match="write s3://<bucket>/<name>"):
        parts_of(url)


def test_an_exchange_moves_by_way_of_a_bucket(s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, end = b'{"aex_export":1}\n', b'{"end":{"digest":"00000000000000000000000000000000","documents":0}}\n'
    s3.put_object(Bucket="aex-exports-1-us-east-1", Key="empty.jsonl", Body=head + end)
    assert main(["import", "s3://aex-exports-1-us-east-1/empty.jsonl", "--data", str(tmp_path)]) == 0
    assert main(["export", URL, "--data", str(tmp_path)]) == 0
    assert b"".join(each + b"\n" for each in Lines(URL)) == head + end
    s3.put_object(Bucket="aex-exports-1-us-east-1", Key="half.jsonl", Body=head)
    assert main(["import", "s3://aex-exports-1-us-east-1/half.jsonl", "--data", str(tmp_path)]) == 2
    assert "the file ends after 0 documents" in capsys.readouterr().err
    assert main(["export", "s3://somebody-elses/today.jsonl", "--data", str(tmp_path)]) == 2
    assert "which output `exports` names" in capsys.readouterr().err
