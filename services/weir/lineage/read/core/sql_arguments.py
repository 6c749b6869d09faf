"""Arguments by which a listed function could leave its bounds: zones, types that name zones, regular expressions, what is
searched for.

Invariant: what the engine takes for a time zone is written out in the statement as a plain zone name, and a regular
expression is written out and small. The engine loads a zone that it does not know from a file: 'file:/etc/x' reads that
file, and a pipe hangs the engine. A large regular expression runs past the time limit, which is looked at between blocks
of rows. So does any search whose two sides are large (`sql_search` for those in arrays): one of them is written out.
"""

from __future__ import annotations

import re

from weir.lineage.core.sql_strings import SqlRefused

ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
"""A zone name: no colon, no dot and no leading slash, so it is no path out of the engine's own zones."""

ZONE_MAX = 64
"""Characters of a zone name. The longest one that exists has 32."""

ZONE_PLACES = {
    **dict.fromkeys("current_timestamp now".split(), 0),
    **dict.fromkeys(
        """
        date day dayofmonth dayofyear fromunixtimestamp64micro fromunixtimestamp64milli fromunixtimestamp64nano
        fromunixtimestamp64second hour minute month monthname now64 parsedatetime32besteffort parsedatetimebesteffort
        parsedatetimebesteffortornull parsedatetimebesteffortorzero quarter second timeslot timezoneoffset todate todate32
        todate32ornull todate32ordefault todateordefault todateornull todateorzero todatetime todatetime32 todatetimeornull
        todatetimeorzero todayofmonth todayofyear todaysinmonth tohour toisoweek toisoyear tolastdayofmonth tomicrosecond
        tomillisecond tominute tomonday tomonth toquarter tosecond tostartofday tostartoffifteenminutes tostartoffiveminute
        tostartoffiveminutes tostartofhour tostartofisoyear tostartofmicrosecond tostartofmillisecond tostartofminute
        tostartofmonth tostartofquarter tostartofsecond tostartoftenminutes tostartofyear tostring totimezone
        tounixtimestamp toyear toyyyymm toyyyymmdd toyyyymmddhhmmss uuidv7todatetime year
        """.split(),
        1,
    ),
    **dict.fromkeys(
        """
        adddays addhours addmicroseconds addmilliseconds addminutes addmonths addquarters addseconds addweeks addyears
        date_bin date_format date_trunc datename datetrunc dayofweek formatdatetime formatdatetimeinjodasyntax from_unixtime
        fromunixtimestamp parsedatetime parsedatetime64 parsedatetime64besteffort parsedatetime64besteffortornull
        parsedatetimeornull str_to_date subtractdays subtracthours subtractmicroseconds subtractmilliseconds subtractminutes
        subtractmonths subtractquarters subtractseconds subtractweeks subtractyears time_bucket to_unixtime todatetime64
        todatetime64ornull todayofweek tolastdayofweek tostartofinterval tostartofweek toweek toyearweek tumble tumbleend
        tumblestart week yearweek
        """.split(),
        2,
    ),
    **dict.fromkeys("age date_diff datediff hop hopend hopstart timestamp_diff timestampdiff".split(), 3),
    "makedatetime": 6,
    "makedatetime64": 8,
}
"""Listed functions that take a zone, lower case, and the first place, from 0, where it may stand. Source: the engine, asked
for each listed function with a zone that does not exist (a test asks it again)."""

WITH_ORIGIN = frozenset({"date_bin", "time_bucket", "tostartofinterval"})
"""Functions whose third argument may be a time in a zone's place."""

TIMES = frozenset({"todate", "todate32", "todatetime", "todatetime64"})
"""Functions that give a time, whatever they are given."""

TYPE = re.compile(r"(?:[A-Za-z0-9_ (),=.+]|-(?!-)|'(?:[^'\\]|\\.|'')*')*", re.DOTALL)
"""The text of a type: names, numbers, brackets, strings; no comment, heredoc or quoted name."""

IN_TYPE = re.compile(r"'((?:[^'\\]|\\.|'')*)'( *= *-?[0-9])?", re.DOTALL)
"""A string of a type: a zone, or the name of a number in Enum('name' = 1)."""

PATTERN_PLACES = {
    **dict.fromkeys(
        """
        match matchcaseinsensitive notmatch notmatchcaseinsensitive regexp_matches regexp_substr
        extract extractall extractallgroups extractallgroupshorizontal extractallgroupsvertical extractgroups
        regexpextract regexp_extract replaceregexpall replaceregexpone regexp_replace countmatches
        countmatchescaseinsensitive
        """.split(),
        1,
    ),
    "splitbyregexp": 0,
}
"""Functions that take a regular expression, and its place."""

PATTERN_MAX = 256
"""Characters of a regular expression: three lines."""

NEEDLE_PLACES = {
    **dict.fromkeys(
        """
        like ilike notlike notilike mapcontainskeylike mapextractkeylike position positioncaseinsensitive positionutf8
        positioncaseinsensitiveutf8 instr countsubstrings countsubstringscaseinsensitive countsubstringscaseinsensitiveutf8
        replace replaceall replaceone hastoken hastokencaseinsensitive hassubsequence
        hassubsequencecaseinsensitive
        """.split(),
        1,
    ),
    **dict.fromkeys("locate splitbystring".split(), 0),
}
"""Functions that look for a text in another, and the place of what they look for. Measured: position() of a text of 500,000
characters in one of a million runs past any limit, and so does LIKE with 3,000 wildcards."""

STARTED = frozenset("position positioncaseinsensitive positionutf8 positioncaseinsensitiveutf8 instr locate".split())
"""Functions that take the place where they start: one for each row would search one long text as often as there are rows."""

NEEDLE_LISTS = frozenset(
    """
    multisearchallpositions multisearchany multisearchanycaseinsensitive multisearchanycaseinsensitiveutf8 multisearchanyutf8
    multisearchfirstindex multisearchfirstposition
    """.split()
)
"""Functions that look for each text of a list, their second argument."""

NEEDLE_MAX = 256
"""Characters of what is looked for: as of a regular expression. Measured: LIKE with 85 wildcards over 0.8 MB takes 0.03 s."""

NEEDLES_CHARS_MAX = 1_024
"""Characters of a whole list of them, as it is written: a hundred words."""

REPEATS_MAX = 100
"""Most that {n,m} may count. Measured: (a?){1000} over 1 MB runs past any limit."""

WEIGHT_MAX = 500
"""Most pieces that a regular expression may have once its counted repeats are written out. Measured over 1 MB: 1,000 take
0.02 s, 1,600 take 27 s where 3 s are set."""

LETTERS_WEIGHT = 30
r"""Pieces that \pL and its kind count for: hundreds of ranges. Measured: (\pL?){100} over 1 MB takes 17 s."""

PIECE = re.compile(r"\\[xpP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\w*:\]|[^\]\\])*\]|\{([0-9]+)(?:,([0-9]*))?\}|.", re.DOTALL)
"""A piece of a regular expression: an escape, a class, a counted repeat, or one character."""


def check_zone_name(text: str) -> None:
    """Raise SqlRefused for a text that is no zone name."""
    if len(text) > ZONE_MAX or ZONE.fullmatch(text) is None:
        raise SqlRefused(f"{text[:100]!r} is no time zone; expected a name like 'UTC' or 'Asia/Seoul'")


def check_type(text: str) -> None:
    """Raise SqlRefused for a type that names anything but plain zones."""
    if TYPE.fullmatch(text) is None:
        raise SqlRefused(f"type {text[:100]!r} cannot be read; expected names, numbers, brackets and strings")
    for name, number in IN_TYPE.findall(text):
        if not number:
            check_zone_name(name)


def check_pattern(text: str) -> None:
    """Raise SqlRefused for a regular expression that could outlive the time limit."""
    if len(text) > PATTERN_MAX:
        raise SqlRefused(f"a regular expression has {len(text)} characters; at most {PATTERN_MAX}")
    if "\\Q" in text:
        raise SqlRefused("\\Q is not allowed in a regular expression; escape each character")
    if _weight(text) > WEIGHT_MAX:
        raise SqlRefused(f"a regular expression has more than {WEIGHT_MAX} pieces with its repeats written out")


def check_needle(text: str) -> None:
    """Raise SqlRefused for a text, or a LIKE pattern, that is too long to be looked for within the time limit."""
    if len(text) > NEEDLE_MAX:
        raise SqlRefused(f"a text that is looked for has {len(text)} characters; at most {NEEDLE_MAX}")


def _weight(text: str) -> int:
    """Pieces of a regular expression once its counted repeats are written out."""
    weights, latest = [0], 0
    for piece in PIECE.finditer(text):
        if piece[0] == "(":
            weights.append(0)
        elif piece[0] == ")":
            latest = weights.pop()
            if not weights:
                raise SqlRefused("a regular expression closes a bracket that it did not open")
            weights[-1] += latest
        else:
            added = latest * (_count(piece) - 1) if piece[1] else _piece_weight(piece[0])
            latest = latest + added if piece[1] else latest if piece[0] in "?*+" else added
            weights[-1] += added
    return sum(weights)


def _piece_weight(piece: str) -> int:
    return LETTERS_WEIGHT if "\\p" in piece.lower() else max(1, sum(not letter.isascii() for letter in piece))


def _count(piece: re.Match[str]) -> int:
    """How often a repeat repeats, 1 at least."""
    counts = [piece[1], piece[2] or ""]
    if any(len(count) > len(str(REPEATS_MAX)) or int(count or 0) > REPEATS_MAX for count in counts):
        raise SqlRefused(f"{piece[0][:20]} in a regular expression; at most {REPEATS_MAX} times")
    return max(1, *(int(count or 0) for count in counts))
