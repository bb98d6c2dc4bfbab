"""What people type back, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.answers.codes import PARAMS, what_to_type
from alerts.answers.grammar import FIRST_CODE, LAST_CODE, Meant, read_answer
from alerts.answers.verbs import DIGIT, Verb

HAVE, WRONG, HELP = Meant("have_it"), Meant("false_alarm"), Meant("need_help")
SIGNS = " \t。.，,!！、-－—–/:：;#*()（）【】“”'~"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", HAVE), (" １。", HAVE), ("1!", HAVE), ("①", HAVE), ("1️⃣", HAVE), ("一", HAVE), ("᠑", HAVE),
        ("收到", HAVE), ("收到了，谢谢", HAVE), ("好的1", HAVE), ("好的，收到。", HAVE), ("收到1", HAVE),
        ("回复1", HAVE), ("知道了", HAVE), ("Got it", HAVE), ("2", WRONG), ("误报", WRONG), ("误报2", WRONG),
        ("False alarm!", WRONG),
        ("3", HELP), ("求助", HELP), ("需要支援", HELP), ("请求支援", HELP), ("HELP", HELP), ("救命", HELP),
        ("123", Meant("have_it", 23)), ("1 23", Meant("have_it", 23)), ("1-23", Meant("have_it", 23)),
        ("１２３", Meant("have_it", 23)), ("1，23。", Meant("have_it", 23)), ("收到 23", Meant("have_it", 23)),
        ("收到123", Meant("have_it", 23)), ("299", Meant("false_alarm", 99)), ("误报45", Meant("false_alarm", 45)),
        ("3 45", Meant("need_help", 45)), ("求助45", Meant("need_help", 45)), ("111", Meant("have_it", 11)),
        # out of a sentence: one call too many costs less than one too few
        ("收到，需要支援", HELP), ("救命啊，快来人", HELP), ("1组2号求救！！", HELP), ("救命🆘", HELP),
        ("1 求助", HELP), ("需要支援，345", Meant("need_help", 45)),
    ],
)  # fmt: skip
def test_understood(text: str, meant: Meant) -> None:
    assert read_answer(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "。", "0", "4", "12", "11", "1 2", "1 2 3", "1,2,3", "100", "109", "1234", "12 3", "1 123", "23 1",
        "423", "好的", "谢谢", "没收到", "收到吗", "收到？", "1?", "误报？", "不是误报", "误报1", "收到2", "2求助",
        "误报123",
        "收到误报", "不需要支援", "需要支援吗", "误报，不用求助", "我在2组23号", "1组23号", "我家1口人", "打110",
        "1号", "1❌", "退订", "TD", "ok", "你是谁", "收到100", "收到1 23 45", "1.0", "23", "救命？",
    ],
)  # fmt: skip
def test_not_understood(text: str) -> None:
    assert read_answer(text) is None


@given(
    verb=st.sampled_from(list(DIGIT)),
    code=st.none() | st.integers(FIRST_CODE, LAST_CODE),
    before=st.text(SIGNS, max_size=3),
    between=st.text(SIGNS, max_size=3),
    after=st.text(SIGNS, max_size=3),
    wide=st.booleans(),
)
def test_however_it_is_written_it_means_the_same(
    verb: Verb, code: int | None, before: str, between: str, after: str, *, wide: bool
) -> None:
    text = f"{before}{DIGIT[verb]}{between}{code or ''}{after}"
    if wide:
        text = text.translate({ord("0") + n: ord("０") + n for n in range(10)})
    assert read_answer(text) == Meant(verb, code)


@given(st.none() | st.integers(FIRST_CODE, LAST_CODE))
def test_what_a_message_asks_for_is_understood(code: int | None) -> None:
    typed = what_to_type(code)
    assert {name: read_answer(text) for name, text in typed.items()} == {
        name: Meant(verb, code) for name, verb in PARAMS.items()
    }


@given(st.text(max_size=40))
def test_anything_can_come_and_what_is_made_of_it_can_be_answered(text: str) -> None:
    meant = read_answer(text)
    assert meant is None or meant.code is None or FIRST_CODE <= meant.code <= LAST_CODE


@given(st.text("0123456789", min_size=1, max_size=6))
def test_of_digits_alone_only_an_answer_is_one(text: str) -> None:
    expected = text in {"1", "2", "3"} or (len(text) == 3 and text[0] in "123" and text[1] != "0")
    assert (read_answer(text) is not None) == expected


@given(st.text("一二三收到误报求助救命好的不没123 0", max_size=8))
def test_two_different_answers_are_none_unless_one_calls_for_help(text: str) -> None:
    meant = read_answer(text)
    if meant is not None and meant.verb == "have_it":
        assert "误报" not in text
        assert "求助" not in text
        assert "救命" not in text
    if meant is not None and meant.verb == "false_alarm":
        assert "收到" not in text
