"""One text in each of twelve scripts, cut by hand: the golden set for words, sentences and whatever counts them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of two sentences with its words, as a reader of the language cuts them."""

    script: str
    text: str
    words: tuple[str, ...]
    sentences: int = 2

    @property
    def count(self) -> int:
        """Its number of words."""
        return len(self.words)


SAMPLES = (
    Sample(
        "latin", "Das Café öffnet früh. Es schließt spät!", ("Das", "Café", "öffnet", "früh", "Es", "schließt", "spät")
    ),
    Sample("cyrillic", "Я читаю книгу. Он читает газету?", ("Я", "читаю", "книгу", "Он", "читает", "газету")),
    Sample("greek", "Καλημέρα σας. Τι κάνετε σήμερα;", ("Καλημέρα", "σας", "Τι", "κάνετε", "σήμερα")),
    Sample("hebrew", "שָׁלוֹם לָכֶם. מה שלומכם?", ("שָׁלוֹם", "לָכֶם", "מה", "שלומכם")),
    Sample("arabic", "مَرْحَبًا بِالْعَالَمِ. كيف حالك؟", ("مَرْحَبًا", "بِالْعَالَمِ", "كيف", "حالك")),
    Sample(
        "devanagari", "आधुनिक मानक हिन्दी भाषा है। यह सुन्दर है।", ("आधुनिक", "मानक", "हिन्दी", "भाषा", "है", "यह", "सुन्दर", "है")
    ),
    Sample("telugu", "ప్రధానమంత్రిని కలుసుకున్నారు. ధన్యవాదాలు.", ("ప్రధానమంత్రిని", "కలుసుకున్నారు", "ధన్యవాదాలు")),
    Sample("tamil", "வணக்கம் நண்பர்களே. நன்றி.", ("வணக்கம்", "நண்பர்களே", "நன்றி")),
    Sample("thai", "ฉันรักภาษาไทย", ("ฉัน", "รัก", "ภาษา", "ไทย"), sentences=1),
    Sample("han", "我们学习中文。你好！", ("我们", "学习", "中文", "你好")),
    Sample("kana", "これはペンです。ありがとう。", ("これ", "は", "ペン", "です", "ありがとう")),
    Sample("hangul", "저는 학생입니다. 감사합니다!", ("저는", "학생입니다", "감사합니다")),
)
