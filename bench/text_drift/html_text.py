"""Paragraphs of an HTML page: what stands in <p> or, as DocBook writes it, <div class="para">, outside of tables."""

from __future__ import annotations

from html.parser import HTMLParser

SKIPPED = frozenset({"nav", "table", "script", "style", "pre", "footer", "header"})


class _Paragraphs(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._open: list[str] | None = None
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SKIPPED:
            self._skipping += 1
        elif tag == "p" or (tag == "div" and ("class", "para") in attrs):
            self.close_paragraph()
            self._open = []

    def handle_endtag(self, tag: str) -> None:
        if tag in SKIPPED:
            self._skipping = max(self._skipping - 1, 0)
        elif tag in ("p", "div", "dd", "li"):
            self.close_paragraph()

    def handle_data(self, data: str) -> None:
        if self._open is not None and not self._skipping:
            self._open.append(data)

    def close_paragraph(self) -> None:
        if self._open is not None:
            self.found.append("".join(self._open))
        self._open = None


def html_paragraphs(page: str) -> list[str]:
    """The paragraphs of `page` in order, entities resolved, white space as it stood; pilcrow link marks removed."""
    parser = _Paragraphs()
    parser.feed(page)
    parser.close()
    parser.close_paragraph()
    return [paragraph.replace("¶", "") for paragraph in parser.found]
