"""Whatever a text holds, Markdown shows it: no tag, link, picture, list or heading is made of it."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from operator_form import HOSTILE

from flows.engine.artifact_texts import plain_rows, plain_text

MARKS = st.text("<>[]()!*_`~#&;:/|\\-+=@.1 aw\n\tß", max_size=30)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@settings(max_examples=300)
@given(MARKS)
@example(HOSTILE)
@example("1. one\n- two\n+ three\n===\n    code\n\n> quote\n# head\n\n---\n| a | b |\n|---|---|\n| c | d |")
@example("[r]: http://evil.example\n[r]")
@example("a\n-")
def test_no_text_is_markup(text: str) -> None:
    tokens = PARSER.parse(plain_text(text))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "softbreak", "hardbreak"}
    shown = "".join("\n" if child.type.endswith("break") else child.content for child in inline)
    assert bare(shown) == bare(text)


def bare(text: str) -> str:
    """The letters of a text, without spaces and without what is shown by something that looks like it."""
    return re.sub("[\\s`*~|_\u02cb\u2217\u223c\u2223\u02cd\u2060]", "", text)


def test_what_is_none_stays_as_it_is() -> None:
    text = "2024 Bahrain Grand Prix R: 12.5 % of 3, snake_case (see v1/status/2024/1/R.json) - done; a<b"
    assert plain_text(text).replace("\u2060", "") == text
    assert plain_text("FP1: Ready - 12.5 %") == "FP1: Ready - 12.5 %"
    assert plain_rows([{"event": "[x](y)", "round": 1}]) == [{"event": "[x]\u2060(y)", "round": 1}]
