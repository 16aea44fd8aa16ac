"""Input: whatever was given becomes items, or a message that says what to do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import InvalidInput
from runs.domain.plan import Item
from runs.planning import pdf as pdf_reader
from runs.planning.configuration import parse
from runs.planning.inputs import Document, InputFile, Material, items_from, material_of
from runs.planning.readers import csv_rows, jsonl_rows
from tests.effort import Effort
from tests.unit.planning.pdfs import locked, pdf
from tests.unit.planning.samples import gate, made, sectioning, voting


def by(split: str, **more: Any) -> Any:
    return made(sectioning(split={"by": split, **more}, prompts=[{"text": "{{ input }}"}]))


def read(name: str, content: str | bytes, split: str = "document") -> tuple[Item, ...]:
    raw = content.encode() if isinstance(content, str) else content
    return items_from(by(split), Material(files=(InputFile(name, raw),)))


def refused(name: str, content: str | bytes, split: str = "document") -> str:
    with pytest.raises(InvalidInput) as caught:
        read(name, content, split)
    assert caught.value.field == "input"
    return caught.value.message


def test_each_document_is_an_item() -> None:
    files = (InputFile("a.txt", b"First."), InputFile("b.md", b"# Second"))
    items = items_from(by("document"), Material(files=files))
    assert items[1] == Item(
        1,
        "b.md",
        {"document.text": "# Second", "document.label": "b.md", "input": "# Second"},
    )
    assert [item.label for item in items] == ["a.txt", "b.md"]


def test_pasted_text_and_given_documents_are_documents() -> None:
    material = Material(text="Pasted.", documents=(Document("Report", "Given."),))
    assert [(i.label, i.fields["input"]) for i in items_from(by("document"), material)] == [
        ("Pasted text", "Pasted."),
        ("Report", "Given."),
    ]


def test_chunks_are_labelled_by_number_and_heading() -> None:
    text = "\n\n".join(f"## {name}\n\n" + "Words of it. " * 12 for name in ("Cause", "Repair"))
    items = items_from(by("chunks", chunk_tokens=50), Material(text=text))
    assert [item.label for item in items] == ["Chunk 1 · Cause", "Chunk 2 · Repair"]
    assert items[0].fields["chunk.text"] == items[0].fields["input"]
    assert items[0].fields["chunk.label"] == "Chunk 1 · Cause"


def test_chunks_of_several_documents_say_whose_they_are() -> None:
    files = (InputFile("a.txt", b"One."), InputFile("b.txt", b"Two."))
    items = items_from(by("chunks"), Material(files=files))
    assert [item.label for item in items] == ["a.txt · Chunk 1", "b.txt · Chunk 1"]


def test_lines_and_list_items_are_items() -> None:
    lines = items_from(by("line"), Material(text="one\r\n\r\n  two \rthree"))
    assert [item.fields["line.text"] for item in lines] == ["one", "two", "three"]
    listed = items_from(by("list"), Material(text="Buy:\n- milk\n- tea"))
    assert [(i.label, i.fields["line.text"]) for i in listed] == [
        ("1 · milk", "milk"),
        ("2 · tea", "tea"),
    ]


def test_a_list_without_items_says_how_to_write_one() -> None:
    with pytest.raises(InvalidInput, match="begin each with -"):
        items_from(by("list"), Material(text="milk, tea"))


def test_rows_have_their_columns_and_the_whole_row() -> None:
    (item,) = read("q.csv", "question,topic\nWhat is it?,tea\n", "row")
    assert item.fields == {
        "row.text": '{"question": "What is it?", "topic": "tea"}',
        "row.question": "What is it?",
        "row.topic": "tea",
        "input": '{"question": "What is it?", "topic": "tea"}',
    }
    assert item.label == "Row 1"
    assert item.gold is None


def test_gold_is_kept_apart_from_what_prompts_see() -> None:
    first, second = read("q.csv", "id,question,gold\nq-7,1+1?,2\nq-8,1+2?,\n", "row")
    assert (first.gold, second.gold) == ("2", None)
    assert not any("gold" in name or "gold" in value for name, value in first.fields.items())
    assert first.label == "q-7"


def test_a_column_called_text_is_row_text() -> None:
    (item,) = read("q.csv", "text,id\nHello,1\n", "row")
    assert item.fields["row.text"] == "Hello"
    assert json.loads(item.fields["input"]) == {"text": "Hello", "id": "1"}


def test_only_gold_is_nothing_to_ask_about() -> None:
    assert "no column besides gold" in refused("q.csv", "gold\n1\n", "row")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a;b\n1,5;2", [{"a": "1,5", "b": "2"}]),
        ("a\tb\n1\t2", [{"a": "1", "b": "2"}]),
        (" a , b \n 1 , 2 ", [{"a": " 1 ", "b": " 2 "}]),
        ('a,b\n"x, y","say ""hi"""\n', [{"a": "x, y", "b": 'say "hi"'}]),
        ('a,b\n"two\nlines",2\n', [{"a": "two\nlines", "b": "2"}]),
        ("\n\na,b\n\n1,2\n\n", [{"a": "1", "b": "2"}]),
        ("a,b,c\n1\n", [{"a": "1", "b": "", "c": ""}]),
        ("a,b,,\n1,2,,\n", [{"a": "1", "b": "2"}]),
        ("only\nx\ny", [{"only": "x"}, {"only": "y"}]),
    ],
)
def test_csv_is_read_as_people_write_it(text: str, rows: list[dict[str, str]]) -> None:
    assert list(csv_rows(text, "x.csv")) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "no rows"),
        ("a,a\n1,2", "two columns are called “a”"),
        ("a,,c\n1,2,3", "column 2 needs a name"),
        ("1,2\n3,4", "must name the columns"),
        ("a,b\n1,2,3\n", "x.csv, line 2: 3 cells"),
        ("a{{,b\n1,2\n", "must be without"),
        (",".join(f"c{n}" for n in range(501)) + "\n1", "at most 500 columns"),
        ("a\n" + "x" * 200_000, "field larger"),
        ("a\n" + "x\n" * 100_001, "at most 100,000"),
    ],
)
def test_a_broken_csv_says_where_and_why(text: str, said: str) -> None:
    assert said in refused("x.csv", text, "row")


def test_jsonl_rows_all_have_the_same_columns() -> None:
    rows = jsonl_rows('{"a": "x", "n": 1}\n\n{"b": [1, "é"], "a": null}\n', "x.jsonl")
    assert list(rows) == [{"a": "x", "n": "1", "b": ""}, {"a": "", "n": "", "b": '[1, "é"]'}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": \n', "line 2: this is no JSON"),
        ("[1, 2]", "line 1: must be an object"),
        ("{}", "line 1: must be an object"),
        ('{"a": ' + "[" * 100_000, "this is no JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "this is no JSON"),
        ('{"": 1}', "needs a name"),
    ],
)
def test_a_broken_jsonl_says_where_and_why(text: str, said: str) -> None:
    assert said in refused("x.jsonl", text, "row")


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(categories=("L", "N")), min_size=1, max_size=9),
            st.text(st.characters(exclude_characters="\0\r", exclude_categories=("Cs",))),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_jsonl_comes_back_as_it_was_written(rows: list[dict[str, str]]) -> None:
    text = "\n".join(json.dumps(row) for row in rows)
    columns = dict.fromkeys(name for row in rows for name in row)
    assert list(jsonl_rows(text, "x")) == [
        {name: row.get(name, "") for name in columns} for row in rows
    ]


def test_rows_can_be_pasted_as_csv_or_jsonl() -> None:
    for text in ("a,b\n1,2", '{"a": "1", "b": "2"}'):
        (item,) = items_from(by("row"), Material(text=text))
        assert item.fields["row.b"] == "2"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("utf-8-sig"), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("“Grüße” – €".encode("cp1252"), "“Grüße” – €"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (b"\x81\x8dx", "\x81\x8dx"),
        (b"a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_text_is_decoded_whatever_its_encoding(content: bytes, text: str) -> None:
    assert read("a.txt", content)[0].fields["input"] == text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.docx", b"PK", "a.docx: this kind of file cannot be read; txt, md, csv"),
        ("a.txt", b"\x7fELF\x00\x00", "a.txt is no text file"),
        ("a.txt", b"", "a.txt is empty"),
        ("a.txt", b" \n ", "a.txt is empty"),
        ("a.txt", b"x" * 10_000_000, "a.txt has 10.0 MB of text; a run takes at most 5 MB"),
        ("a.pdf", b"Not one", "a.pdf is not a pdf"),
        ("a.pdf", b"", "a.pdf is not a pdf"),
        ("a.pdf", b"%PDF-1.4\ngarbage", "a.pdf cannot be read as a pdf"),
        ("a.pdf", pdf("Text")[:150], "a.pdf"),
        ("a.pdf", pdf(""), "a.pdf holds no text"),
        ("a.pdf", locked(pdf("Secret"), "password"), "a.pdf is locked with a password"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(name: str, content: bytes, said: str) -> None:
    assert said in refused(name, content)


def test_the_pages_of_a_pdf_are_one_text() -> None:
    assert read("a.pdf", pdf("First page", "", "Third"))[0].fields["input"] == "First page\n\nThird"


def test_a_pdf_locked_without_a_password_is_read() -> None:
    assert read("a.pdf", locked(pdf("Open"), ""))[0].fields["input"] == "Open"


def test_a_pdf_with_too_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "MOST_PAGES", 2)
    assert "has 3 pages; at most 2" in refused("a.pdf", pdf("a", "b", "c"))


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_pdf_reader(tail: bytes) -> None:
    with pytest.raises(InvalidInput):
        pdf_reader.text_of("a.pdf", b"%PDF-1.7\n" + tail)


def test_a_ten_megabyte_paste_is_refused_at_once() -> None:
    effort = Effort()
    with pytest.raises(InvalidInput, match=r"10\.0 MB of text; a run takes at most 5 MB") as caught:
        items_from(by("line"), Material(text="a\n" * 5_000_000))
    assert caught.value.field == "input"
    assert effort.seconds() < 1


def test_many_files_are_weighed_together() -> None:
    files = tuple(InputFile(f"{n}.txt", b"x" * 1_000_000) for n in range(6))
    with pytest.raises(InvalidInput, match=r"The input has 6\.0 MB"):
        items_from(by("document"), Material(files=files))


def test_more_branches_than_a_run_takes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="100,001 branches"):
        items_from(by("line"), Material(text="x\n" * 100_001))


@pytest.mark.parametrize(
    "material", [Material(), Material(text=" \n"), Material(files=(), rows=())]
)
@pytest.mark.parametrize("split", ["document", "chunks", "line", "list", "row"])
def test_an_empty_input_is_refused(material: Material, split: str) -> None:
    with pytest.raises(InvalidInput, match="The input is empty") as caught:
        items_from(by(split), material)
    assert caught.value.field == "input"


def test_one_empty_document_among_others_is_named() -> None:
    documents = (Document("Full", "text"), Document("Hollow", "  "))
    with pytest.raises(InvalidInput, match="“Hollow” is empty"):
        items_from(by("document"), Material(documents=documents))


def test_rows_are_not_documents_nor_the_other_way_round() -> None:
    with pytest.raises(InvalidInput, match=r"set split\.by to row"):
        items_from(by("line"), Material(rows=({"a": "1"},)))
    with pytest.raises(InvalidInput, match=r"set split\.by to document"):
        items_from(by("row"), Material(documents=(Document("a", "b"),)))
    assert "no rows: give a csv" in refused("a.txt", "a,b", "row")


@pytest.mark.parametrize("spec", [voting(), gate()])
def test_votes_and_prompts_read_one_input(spec: dict[str, Any]) -> None:
    configuration = parse(spec)
    (item,) = items_from(configuration, Material(text="The question"))
    assert item == Item(0, "Pasted text", {"input": "The question"})
    (row,) = items_from(configuration, Material(rows=({"a": "1", "gold": "2"},)))
    assert (row.fields, row.gold) == ({"input": '{"a": "1"}'}, "2")
    with pytest.raises(InvalidInput, match="one input, not 2"):
        items_from(configuration, Material(text="a", documents=(Document("b", "b"),)))
    with pytest.raises(InvalidInput, match="The input is empty"):
        items_from(configuration, Material())


def test_prompts_that_name_no_input_need_none() -> None:
    configuration = made(voting(prompts=[{"text": "Name a colour."}]))
    assert items_from(configuration, Material()) == (Item(0, "Input", {"input": ""}),)


def test_long_labels_are_shortened() -> None:
    (item,) = items_from(by("line"), Material(text="word " * 100))
    assert len(item.label) <= 120
    assert item.label.endswith("…")


def test_input_in_a_configuration_becomes_material() -> None:
    documents = [{"text": "a"}, {"label": "B", "text": "b"}]
    given = parse(sectioning(input={"documents": documents})).input
    assert material_of(given).documents == (Document("Document 1", "a"), Document("B", "b"))
    assert material_of(parse(sectioning(input={"text": "a"})).input).text == "a"
    assert material_of(None) == Material()


def test_nothing_that_no_database_takes_is_kept() -> None:
    (item,) = items_from(by("document"), Material(text="a\x00b\ud800c"))
    assert item.fields["input"] == "ab?c"


@given(
    st.sampled_from(["a.txt", "a.csv", "a.jsonl", "a.md", "a.tsv", "a"]),
    st.binary(max_size=60) | st.text("ab,;\"'\n\r\t{}:[]1 -", max_size=60).map(str.encode),
    st.sampled_from(["document", "chunks", "line", "list", "row"]),
)
def test_no_file_makes_a_crash(name: str, content: bytes, split: str) -> None:
    try:
        items = read(name, content, split)
    except InvalidInput:
        return
    assert items
    assert all(item.fields["input"].strip() for item in items)
