"""Long documents are cut at headings, and a change in one place leaves the other parts alone."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.docs.tokens import estimate_tokens
from assets.summaries.chunking import chunk_texts, cut, hash_of
from assets.summaries.visible import visible_blocks

WORDS = [
    *("harbour", "salt", "wood", "ship", "crew", "autumn", "captain", "letter", "council", "price"),
    *("market", "winter", "barrel", "stone", "road", "bridge", "river", "mill", "grain", "horse"),
    *("summer", "tax", "school", "church", "bell"),
]
BUDGET = 600


def prose(seed: int, n: int) -> str:
    draw = random.Random(seed)
    words = [draw.choice(WORDS) for _ in range(n)]
    sentences = [" ".join(words[i : i + 12]).capitalize() + "." for i in range(0, n, 12)]
    return " ".join(sentences)


def section(seed: int, level: int = 2, paragraphs: int = 3) -> str:
    parts = [f"{'#' * level} Of {prose(seed, 3)}"]
    parts += [prose(seed * 31 + i, 40 + seed * 7 % 60) for i in range(paragraphs)]
    return "\n\n".join(parts)


def book(seeds: list[int]) -> list[str]:
    return [section(seed, level=1 if seed % 5 == 0 else 2) for seed in seeds]


def chunks(markdown: str, budget: int = BUDGET) -> list[str]:
    return chunk_texts(visible_blocks(markdown), budget)


def test_short_documents_are_one_part() -> None:
    text = section(1, paragraphs=1)
    assert chunks(text) == [text]
    assert chunks("") == []


@given(st.lists(st.integers(0, 500), min_size=4, max_size=40), st.integers(150, 2_000))
@settings(max_examples=15, deadline=None)
def test_nothing_is_lost_and_no_part_is_too_long(seeds: list[int], budget: int) -> None:
    text = "\n\n".join(book(seeds))
    parts = chunks(text, budget)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(estimate_tokens(part) <= budget for part in parts)
    assert parts == chunks(text, budget)


@given(
    st.lists(st.integers(0, 10_000), min_size=15, max_size=30, unique=True),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_an_edit_of_the_same_length_changes_one_part(seeds: list[int], data: st.DataObject) -> None:
    sections = book(seeds)
    place = data.draw(st.integers(0, len(sections) - 1))
    paragraphs = sections[place].split("\n\n")
    # Letters for letters, beyond what a paragraph's place is hashed by.
    changed = paragraphs[1][:150] + paragraphs[1][150:].swapcase()
    edited = [*sections]
    edited[place] = "\n\n".join([paragraphs[0], changed, *paragraphs[2:]])
    before, after = chunks("\n\n".join(sections)), chunks("\n\n".join(edited))
    assert len(set(after) - set(before)) <= 1
    assert len(before) == len(after)


@given(
    st.lists(st.integers(0, 10_000), min_size=15, max_size=30, unique=True),
    st.integers(0, 3),
    st.data(),
)
@settings(max_examples=30, deadline=None)
def test_an_edited_section_changes_few_parts(
    seeds: list[int], paragraphs: int, data: st.DataObject
) -> None:
    sections = book(seeds)
    place = data.draw(st.integers(0, len(sections) - 1))
    head = sections[place].split("\n\n")[0]
    new = [prose(data.draw(st.integers(20_000, 30_000)), 50) for _ in range(paragraphs)]
    edited = [*sections[:place], "\n\n".join([head, *new]), *sections[place + 1 :]]
    before, after = chunks("\n\n".join(sections)), chunks("\n\n".join(edited))
    # One, where the section still fits; a part that grew too long is two, and its halves may be.
    assert len(set(after) - set(before)) <= 3


def test_an_edited_section_changes_two_parts_at_most_in_nearly_all_cases() -> None:
    draw = random.Random(7)
    changed = []
    for _ in range(100):
        sections = book(draw.sample(range(10_000), 40))
        edited = [*sections]
        place = draw.randrange(40)
        head, *rest = edited[place].split("\n\n")
        rest[draw.randrange(len(rest))] = prose(draw.randrange(20_000, 30_000), draw.randrange(120))
        edited[place] = "\n\n".join([head, *(part for part in rest if part)])
        before, after = chunks("\n\n".join(sections)), chunks("\n\n".join(edited))
        changed.append(len(set(after) - set(before)))
    assert sum(n <= 2 for n in changed) >= 98
    assert sum(n <= 1 for n in changed) >= 80


def test_parts_are_filled_by_two_fifths_or_more() -> None:
    text = "\n\n".join(book(list(range(300))))
    parts = chunks(text, 2_000)
    assert sum(map(estimate_tokens, parts)) / (2_000 * len(parts)) >= 0.4


def test_cuts_are_at_the_highest_headings() -> None:
    text = "\n\n".join([section(5, 1, 4), section(6, 2, 4), section(10, 1, 4), section(7, 2, 4)])
    whole = estimate_tokens(text)
    assert [part.count("# ") for part in chunks(text, whole - 1)] == [2, 2]
    assert all(part.startswith("# Of") for part in chunks(text, whole - 1))


def test_a_heading_stays_with_its_text() -> None:
    for part in chunks("\n\n".join(book(list(range(60))))):
        assert not part.rsplit("\n\n", 1)[-1].startswith("#")


def test_tables_and_code_are_whole_where_they_fit() -> None:
    table = "\n".join(
        ["| year | ships |", "|---|---|", *(f"| {1900 + i} | {i} |" for i in range(30))]
    )
    code = "```\n" + "\n\n".join(f"line {i} = {i}" for i in range(40)) + "\n```"
    parts = chunks("\n\n".join([prose(1, 300), table, prose(2, 300), code, prose(3, 300)]))
    assert any(table in part for part in parts)
    assert any(code in part for part in parts)


def test_a_long_table_is_cut_between_rows_and_a_long_paragraph_between_sentences() -> None:
    rows = [f"| ship {i} | {prose(i, 6)} |" for i in range(200)]
    for part in chunks("\n".join(rows), 300):
        assert all(line in rows for line in part.split("\n"))
    paragraph = prose(3, 3_000)
    parts = chunks(paragraph, 300)
    assert len(parts) > 5
    assert all(part.endswith(".") for part in parts)


def test_text_without_any_place_to_cut_is_cut_all_the_same() -> None:
    parts = chunks("字" * 5_000, 300)
    assert "".join("".join(parts).split()) == "字" * 5_000
    assert all(estimate_tokens(part) <= 300 for part in parts)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=60))
def test_notes_that_fit_by_twos_always_become_fewer(sizes: list[int]) -> None:
    ranges = cut(sizes, [(0, hash_of(str(i))) for i in range(len(sizes))], 200)
    assert len(ranges) < len(sizes)
    assert [i for start, end in ranges for i in range(start, end)] == list(range(len(sizes)))
    assert all(sum(sizes[start:end]) <= 200 for start, end in ranges)
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(ranges))
