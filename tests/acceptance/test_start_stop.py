"""Starting and stopping the one process, as a person and an init system do it."""

import http.cookiejar
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.processes import (
    Parweb,
    ServeParweb,
    free_port,
    parweb_environment,
    start_child,
)

SECONDS_TO_END = 5.0
SECONDS_TO_START = 5.0


class Browser:
    """Follows redirects and keeps cookies; `urllib` without a proxy."""

    def __init__(self) -> None:
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )

    def get(self, url: str) -> tuple[int, str, str]:
        """Status, address in the end, and body."""
        try:
            with self.opener.open(url, timeout=20) as response:
                return response.status, response.url, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode()


def second(data: Path, port: int) -> tuple[int, str]:
    """Exit code and output of a further `serve`."""
    child = start_child(["manage.py", "serve", "--port", str(port)], parweb_environment(data))
    output, _ = child.process.communicate(timeout=60)
    return child.process.returncode, output


def end(parweb: Parweb, number: signal.Signals) -> tuple[int, float]:
    """Exit code after a signal, and the seconds it took."""
    began = time.monotonic()
    parweb.child.process.send_signal(number)
    output, _ = parweb.child.process.communicate(timeout=30)
    assert "Traceback" not in output
    return parweb.child.process.returncode, time.monotonic() - began


def test_the_printed_link_signs_in_once(serve_parweb: ServeParweb) -> None:
    parweb = serve_parweb()
    stranger = Browser()
    assert "/sign-in/" in stranger.get(f"{parweb.url}/")[1]

    person = Browser()
    status, url, page = person.get(parweb.link)
    assert (status, url) == (200, f"{parweb.url}/")
    assert "parweb" in page
    used_again = Browser()
    used_again.get(parweb.link)
    assert "/sign-in/" in used_again.get(f"{parweb.url}/")[1]


def test_signin_prints_a_link_to_the_running_process(serve_parweb: ServeParweb) -> None:
    parweb = serve_parweb()
    link = parweb.manage("signin").strip()
    assert link.startswith(f"{parweb.url}/sign-in/")
    assert link != parweb.link
    assert Browser().get(link)[:2] == (200, f"{parweb.url}/")


def test_a_second_user_sees_pages_of_their_own(serve_parweb: ServeParweb) -> None:
    parweb = serve_parweb()
    link = parweb.manage("adduser", "grace").strip()
    assert Browser().get(link)[:2] == (200, f"{parweb.url}/")


def test_static_files_are_served_with_hashed_names(serve_parweb: ServeParweb) -> None:
    parweb = serve_parweb()
    browser = Browser()
    page = browser.get(parweb.link)[2]
    hrefs = [part.split('"')[0] for part in page.split('href="')[1:]]
    sheets = [href for href in hrefs if href.endswith(".css")]
    assert sheets
    for sheet in sheets:
        assert len(sheet.split(".")) == 3, f"{sheet} carries no hash"
        assert browser.get(parweb.url + sheet)[0] == 200


def test_a_second_process_on_the_data_directory_is_refused(serve_parweb: ServeParweb) -> None:
    parweb = serve_parweb()
    code, output = second(parweb.data, port=0)
    assert code == 2
    assert f"already runs at {parweb.url}" in output
    assert "Traceback" not in output


def test_a_taken_port_gets_a_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = second(tmp_path / "data", port)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in output
    assert "PARWEB_PORT" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_soon(
    serve_parweb: ServeParweb, number: signal.Signals
) -> None:
    parweb = serve_parweb()
    code, seconds = end(parweb, number)
    assert code == 0
    assert seconds <= SECONDS_TO_END


def test_after_a_kill_the_same_directory_serves_again(serve_parweb: ServeParweb) -> None:
    port = free_port()
    first = serve_parweb(port=port)
    first.kill()
    again = serve_parweb(data=first.data, port=port)
    assert Browser().get(again.link)[0] == 200


def test_a_second_start_takes_seconds(serve_parweb: ServeParweb) -> None:
    first = serve_parweb()
    first.stop()
    again = serve_parweb(data=first.data)
    spent = psutil.Process(again.child.process.pid).cpu_times()  # other tests may share the cores
    assert spent.user + spent.system <= SECONDS_TO_START
