"""What a text is made of, in any script: words, sentences, characters as people see them, digits. Pure.

Invariant: two spellings of one text (NFC and NFD, half and full width where it says so) have the same parts. Words are
runs of letters, marks and digits, and a full stop ends one; scripts without spaces are cut by ICU's dictionaries.
Sentences are ICU's after two rules of our own. One owner: no service has a word pattern of its own.
Sources: Unicode Standard Annexes 15 (normal forms) and 29 (segmentation); ICU's dictionaries for scripts without
spaces between words (Han, Kana, Thai, Lao, Khmer, Myanmar).
"""
