import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lendplan.data.findings import InputError
from lendplan.data.sources import read_text, sha256_of

TEXT = "企业代号,信誉评级\nE1,A\n"


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
    ],
)
def test_encodings_are_recognised(tmp_path, written, named):
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(written))
    source = read_text(path)
    assert source.text == TEXT
    assert source.encoding == named
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == sha256_of(path)


def test_big_endian_utf_16_with_its_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))
    assert read_text(path).text == TEXT


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"ok\nok\n\xff\xff\xff", 3, "neither UTF-8"),
        (b"ok\na\0b", 2, "NUL"),
        ("a,b\n".encode("utf-16-le"), 1, "NUL"),
        (b"\xef\xbb\xbfok\n\xff", 2, "0xff"),
        (b"\xff\xfea", 1, "neither"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path, data, line, says):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        read_text(path)
    assert caught.value.findings[0].line == line


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "book.csv").write_text("x")
    with pytest.raises(InputError, match=r"no such file; did you mean 'book.csv'"):
        read_text(tmp_path / "bok.csv")
    with pytest.raises(InputError, match="folder"):
        read_text(tmp_path)
    with pytest.raises(InputError, match="its folder does not exist"):
        read_text(tmp_path / "no" / "where.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_text("a\0b")
    with pytest.raises(InputError):
        sha256_of(tmp_path / "none")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="no regular file"):
        read_text(tmp_path / "pipe.csv")


def test_size_is_capped(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"x" * 101)
    assert len(read_text(path, max_bytes=101).text) == 101
    with pytest.raises(InputError, match="larger than 100 bytes"):
        read_text(path, max_bytes=100)


def test_findings_and_sources_start_without_pandas():
    code = "import lendplan.data.sources, sys; sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_room_starts_without_heavy_readers():
    code = (
        "import lendplan.data.book, lendplan.data.churn, sys;"
        "sys.exit('scipy' in sys.modules or 'python_calamine' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_hash_of_what_has_no_end_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no regular file"):
            sha256_of(path)
    with pytest.raises(InputError, match="cannot be read"):
        sha256_of(tmp_path / ("n" * 300))
