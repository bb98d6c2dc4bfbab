"""Apt's own configuration, read as hosts really write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.apt import condense, parse_download, private_configuration
from runtime.apt_sources import Source, debian_mirror, parse_deb822, parse_list, read_sources

BOOKWORM_IMAGE = """\
Types: deb
# a comment inside the stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

CLOUD_IMAGE = """\
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: trixie trixie-updates trixie-backports
Components: main
"""

VENDOR = """\
# THIS FILE IS MADE BY A VENDOR
Types: deb
URIs: https://vendor.example/timescaledb/debian/
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
"""

OLD_LIST = """\
# deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb cdrom:[disc]/ bookworm main
deb-src http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] https://vendor.example/linux/debian bookworm stable
deb http://old.example/debian/ bookworm main contrib non-free # the mirror
deb http://old.example/debian/ bookworm-updates main
deb http://security.example/debian-security bookworm-security main
"""

UBUNTU = """\
Types: deb
URIs: http://archive.example/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""


@pytest.mark.parametrize(
    ("sources", "mirror"),
    [
        (parse_deb822(BOOKWORM_IMAGE), "http://mirror.example/debian"),
        (parse_deb822(CLOUD_IMAGE), "mirror+file:///etc/apt/mirrors/debian.list"),
        (parse_list(OLD_LIST), "http://old.example/debian/"),
        ([*parse_deb822(VENDOR), *parse_deb822(BOOKWORM_IMAGE)], "http://mirror.example/debian"),
        (parse_deb822(UBUNTU), None),
        (parse_list("deb http://archive.example/ubuntu jammy main universe"), None),
        ([], None),
    ],
)
def test_the_debian_mirror_is_the_one_that_the_host_uses(sources: list[Source], mirror: str | None) -> None:
    assert debian_mirror(sources) == mirror


def test_a_disabled_stanza_and_source_packages_do_not_count() -> None:
    off = BOOKWORM_IMAGE.replace("Types: deb\n", "Types: deb\nEnabled: no\n")
    assert debian_mirror(parse_deb822(off)) is None
    assert debian_mirror(parse_deb822(BOOKWORM_IMAGE.replace("Types: deb\n", "Types: deb-src\n"))) is None


def test_options_and_comments_of_one_line_entries() -> None:
    found = list(parse_list(OLD_LIST))
    assert [source.uri for source in found if "docker" in source.signed_by] == ["https://vendor.example/linux/debian"]
    assert found[-2] == Source("http://old.example/debian/", ("bookworm-updates",), ("main",))


def test_a_key_written_into_the_stanza_is_no_path() -> None:
    (vendor,) = parse_deb822(VENDOR)
    assert vendor.signed_by.startswith("-----BEGIN PGP")


def test_files_apt_would_not_read_are_not_read(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text(BOOKWORM_IMAGE, encoding="utf-8")
    (parts / "old.list.save").write_text(OLD_LIST, encoding="utf-8")
    (parts / "off.sources.disabled").write_text(CLOUD_IMAGE, encoding="utf-8")
    assert {source.uri for source in read_sources(tmp_path)} == {
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    }


def test_file_names_with_epochs() -> None:
    found = parse_download("libz3-4_4.13.3-1_amd64.deb", 8560036)
    assert (found.name, found.version) == ("libz3-4", "4.13.3-1")
    assert parse_download("perl_1%3a1.20-1+b3_amd64.deb", 1).version == "1:1.20-1+b3"


def test_the_hosts_proxy_is_kept_and_its_hooks_are_not() -> None:
    dump = "\n".join(  # noqa: FLY002 - one line each, as apt prints them
        [
            'Acquire::http::Proxy "http://proxy.example:3128";',
            'Acquire::AllowInsecureRepositories "1";',
            'APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";',
        ]
    )
    text = private_configuration(Path("/somewhere"), dump)
    assert "proxy.example" in text
    assert "Insecure" not in text
    assert "Post-Invoke" not in text
    assert 'Dir::Etc::parts "/dev/null";' in text


def test_apts_words_become_one_line() -> None:
    offline = "Err:1 http://m.example trixie InRelease\n  Could not resolve 'm.example'\nE: Some index files failed."
    assert condense(offline) == "Could not resolve 'm.example'"
    assert condense("Reading...\nE: Unable to locate package x\n") == "Unable to locate package x"
    assert condense("") == ""
    assert condense("dpkg-deb: error: write: No space left on device") == "no space left on the device"
