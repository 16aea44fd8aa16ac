"""Text from outside, made fit to store and show."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.providers.texts import MOST_SHOWN, Pieces, clean, shortened

any_text = st.text(st.characters(), max_size=60)  # with halves of surrogate pairs


@given(any_text)
def test_clean_text_can_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert "\x00" not in cleaned
    cleaned.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_sound_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.lists(any_text, max_size=6))
def test_pieces_together_are_the_text(texts: list[str]) -> None:
    pieces = Pieces()
    shown = [pieces.add(text) for text in texts]
    shown.append(pieces.end())
    assert "".join(shown) == pieces.text
    pieces.text.encode()


def test_a_pair_cut_between_two_pieces_is_mended() -> None:
    pieces = Pieces()
    assert [pieces.add("a\ud83d"), pieces.add("\ude00b"), pieces.end()] == ["a", "😀b", ""]


@given(st.text(max_size=2000), st.integers(0, 400))
def test_messages_are_short_lines_without_the_key(text: str, place: int) -> None:
    key = "sk-canary-5f2c91d07be84a"
    shown = shortened(text[:place] + key + text[place:], key)
    assert len(shown) <= MOST_SHOWN
    assert "sk-canary" not in shown
    assert "\n" not in shown


@pytest.mark.parametrize("key", ["", "ab"])
def test_what_is_no_key_blots_nothing_out(key: str) -> None:
    assert shortened("abab", key) == "abab"


KEY = "sk-canary-5f2c91d07be84a"
near_keys = st.lists(st.sampled_from([KEY, KEY[:5], KEY[:20], KEY[3:], "s", "sk", "x", "é"])).map(
    "".join
)


@given(near_keys, st.lists(st.integers(0, 200), max_size=20))
def test_a_key_is_blotted_out_however_it_is_cut(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = Pieces(KEY)
    shown = [pieces.add(text[start:end]) for start, end in itertools.pairwise(places)]
    shown.append(pieces.end())
    whole = "".join(shown)
    assert pieces.text == whole
    assert KEY not in whole
    if KEY[:8] not in text:
        assert whole == text
    assert whole.startswith(text.split(KEY[:8], maxsplit=1)[0])


def test_a_reply_that_breaks_off_within_the_key_does_not_tell_it() -> None:
    pieces = Pieces(KEY)
    assert [pieces.add(part) for part in ("It is s", "k-canary-5f2c91d")] == ["It is ", ""]
    assert pieces.text == "It is [key]"


@pytest.mark.parametrize("key", ["", "ollama", "not-needed"])
def test_what_stands_for_a_key_may_be_spoken_of(key: str) -> None:
    pieces = Pieces(key)
    assert pieces.add("Is ollama not-needed?") == pieces.text == "Is ollama not-needed?"
