"""The gate before operator SQL: one SELECT over the published views, with functions from a list, and nothing else.

The embedded engine has no users and no row policies, and its read-only mode is no sandbox: `file()` reads files,
`url()` makes requests, INTO OUTFILE writes. So what is not known to be harmless is refused. The statement's tokens are
checked here; the engine parses it once more as a sub-select, which INTO, SETTINGS, FORMAT and a second statement break.
"""

from __future__ import annotations

import re

VIEWS = frozenset(
    {
        "v_inference_requests", "v_inference_responses", "v_spans", "v_text_features", "v_drift_signals",
        "v_evaluation_scores", "v_anchor_scores", "v_feedback", "v_registry_changes", "v_governance_log", "v_alerts",
        "v_dead_letters", "v_lineage", "v_impact", "v_numbers", "v_accounts", "v_ops_signals", "v_drift_blame",
    }
)  # fmt: skip
"""Tables a statement may read."""

FUNCTIONS = frozenset(
    """
    abs any anylast argmax argmin arrayconcat arraycount arraydistinct arrayelement arrayexists arrayfilter arrayjoin
    arraymap arraymax arraymin arraysort arraysum array avg avgif ceil coalesce concat corr count countif countdistinct
    date dateadd datediff datetrunc dense_rank endswith exp first_value floor formatdatetime fromunixtimestamp64micro
    grouparray groupuniqarray greatest has hasany if ifnull in intdiv isnotnull isnull lag laginframe last_value lead
    least left length lengthutf8 like lower max maxif median min minif mod multiif not now nullif position
    positioncaseinsensitive quantile quantileexact quantiles quantilesexact rank replaceall right round row_number
    splitbychar sqrt startswith stddevpop stddevsamp substring sum sumif toaverage todate todatetime todayofweek tofloat64
    tohour toint32 toint64 tolower tominute tomonth toquarter tostartofday tostartoffiveminutes tostartofhour
    tostartofinterval tostartofminute tostring touint32 touint64 toyear toyyyymm toyyyymmdd trim tuple tupleelement uniq
    uniqexact upper varpop varsamp over interval and or as on by when then exists all distinct from where values
    """.split()
)
"""Names that may stand before an opening parenthesis, lower case: functions, and keywords that take one."""

FORBIDDEN = frozenset(
    """
    insert create drop alter attach detach rename truncate optimize system kill grant revoke set use into outfile format
    settings infile describe show explain exists_table call exchange backup restore undrop check watch parallel
    infile compression file url s3 remote mysql postgresql sqlite odbc jdbc hdfs iceberg deltalake hudi python merge
    mergetreeindex numbers cluster clusterallreplicas dictionary view viewifpermitted input executable generaterandom
    """.split()
)
"""Words that may not stand anywhere outside a string."""

STATEMENT_CHARS_MAX = 20_000
"""Characters of a statement. Chosen."""

TOKEN = re.compile(
    r"\s+|'(?:[^'\\]|\\.|'')*'|[A-Za-z_][A-Za-z0-9_]*|`[A-Za-z_][A-Za-z0-9_]*`|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
    r"|<=|>=|!=|<>|==|->|::|\|\||[-+*/%=<>(),.\[\]:?]"
)
COMMENT_MARKS = ("--", "/*", "*/", "#")
"""A comment would hide the end of the sub-select that the statement is put into."""

TABLE_WORDS = ("from", "join")


class SqlRefused(ValueError):
    """The statement may not run; the text says which word is the reason and what is allowed."""


def checked(statement: str) -> str:
    """The statement without a trailing semicolon. Raises SqlRefused."""
    text = statement.strip().removesuffix(";").strip()
    if len(text) > STATEMENT_CHARS_MAX:
        raise SqlRefused(f"the statement has {len(text)} characters; at most {STATEMENT_CHARS_MAX}")
    tokens = _tokens(text)
    if not tokens or tokens[0].lower() not in ("select", "with"):
        raise SqlRefused("one SELECT (or WITH ... SELECT) over the v_ views is allowed")
    names = _with_names(tokens)
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        before = tokens[index - 1].lower() if index else ""
        _check(token, before, following, names, _in_from_list(tokens, index))
    return text


def _check(token: str, before: str, following: str, names: set[str], in_from_list: bool) -> None:
    word = token.strip("`").lower()
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", word):
        return
    if token.startswith("`") and following == "(":
        raise SqlRefused(f"quoted function {token} is not allowed")
    if word in FORBIDDEN:
        raise SqlRefused(f"{token!r} is not allowed; one SELECT over the v_ views is")
    if before in TABLE_WORDS or in_from_list:
        if word not in VIEWS and word not in names and word != "select":
            raise SqlRefused(f"table {token!r} is not published; published: {', '.join(sorted(VIEWS))}")
        if following == ".":
            raise SqlRefused(f"{token!r} is followed by a dot; databases are not named, only the v_ views")
    elif following == "(" and word not in FUNCTIONS and before != "over" and word not in names:
        raise SqlRefused(f"function {token!r} is not on the list of allowed functions")


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None or text.startswith(COMMENT_MARKS, place):
            raise SqlRefused(
                f"character {text[place]!r} at position {place} is not allowed (comments, semicolons and braces are not)"
            )
        if match[0].strip():
            found.append(match[0])
        place = match.end()
    return found


def _with_names(tokens: list[str]) -> set[str]:
    """Names that the statement itself defines: `WITH name AS (`."""
    return {
        token.lower()
        for index, token in enumerate(tokens)
        if index + 2 < len(tokens)
        and tokens[index + 1].lower() == "as"
        and tokens[index + 2] == "("
        and index
        and tokens[index - 1].lower() in ("with", ",")
    }


def _in_from_list(tokens: list[str], index: int) -> bool:
    """Whether a name follows a comma of a FROM list, where it would be a table too."""
    if not index or tokens[index - 1] != ",":
        return False
    depth = 0
    for token in reversed(tokens[: index - 1]):
        word = token.lower()
        if token == ")":
            depth += 1
        elif token == "(":
            if depth == 0:
                return False
            depth -= 1
        elif depth == 0 and word == "from":
            return True
        elif depth == 0 and word in ("select", "where", "by", "having", "limit", "on", "using", "with"):
            return False
    return False
